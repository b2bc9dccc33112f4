"""EnCodec's architecture trained as the package's codec was: `python -m benchmarks.encodec_trained` gives `encodec_trained.json`.

Encoder and decoder are those of `transformers`, with their LSTMs, freshly initialised, at 16 kHz and with 16 filters, which is
about as many values as the package's codec has. Between them stands our quantiser with 32 books of 1024 codes at 50 frames a
second: 16 kbit/s. Speech, segments, losses, optimiser, learning rate and the trainer itself are those of the package's codec;
the number of steps is what takes the same processor time. What it cannot have is the start as a lapped transform, which needs
one stride, and more books for loud frames, which EnCodec does not have.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from auscult.families.codec.config import Config
from auscult.families.codec.torch import Codec, build
from auscult.training.codec.config import TrainConfig
from auscult.training.codec.release import speak_held_out
from auscult.training.codec.speech import read_speech
from auscult.training.codec.trainer import Trainer
from auscult.training.codec.validate import evaluate_codec

RESULT = Path(__file__).with_name("encodec_trained.json")
FILTERS, STRIDES = 16, (2, 4, 5, 8)
LOOK_EVERY = 100
STEPS = 480  # take the processor time of the package's codec's 800
CONFIG = Config(
    widths=tuple(FILTERS * 2**stage for stage in range(len(STRIDES) + 1)),
    strides=STRIDES,
    latent=128,
    books=32,
    average=0.0,
    delay=0,
)


class Stack(nn.Module):
    """A part of EnCodec where one of ours stood; it keeps no cache."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor, _cache: None = None) -> Tensor:
        result: Tensor = self.part(x)
        return result


def build_encodec() -> Codec:
    """EnCodec's encoder and decoder around our quantiser."""
    from transformers import EncodecConfig, EncodecModel

    rate = CONFIG.sample_rate
    encodec_model = EncodecModel(
        EncodecConfig(
            sampling_rate=rate,
            num_filters=FILTERS,
            hidden_size=CONFIG.latent,
            upsampling_ratios=list(STRIDES[::-1]),
            target_bandwidths=[CONFIG.bits_per_second / 1000],
        )
    )
    codec = build(CONFIG, "weight-norm-new")
    codec.encoder, codec.decoder = Stack(encodec_model.encoder), Stack(encodec_model.decoder)  # type: ignore[assignment]
    return codec


def train_encodec(steps: int, learning_rate: float) -> dict[str, Any]:
    """Train it; the figures on every held-out sentence by several voices, and the curve on the validation sentences."""
    config = TrainConfig(
        codec=CONFIG, steps=steps, learning_rate=learning_rate, start="random", threads=1
    )
    speech = read_speech(
        config.data, CONFIG.sample_rate, CONFIG.level, minutes=config.minutes, seed=config.seed
    )
    torch.manual_seed(config.seed)
    trainer = Trainer(config, speech, build_encodec())
    started = time.process_time()
    trainer.place_codebooks()
    curve = {}
    while trainer.step < config.steps:
        trainer.train_step()
        if trainer.step % LOOK_EVERY == 0 or trainer.step == config.steps:
            figures = evaluate_codec(trainer.codec, speech.validation)
            curve[trainer.step] = round(float(figures["snr"]), 2)  # type: ignore[arg-type]
            sys.stderr.write(
                f"step {trainer.step}, {curve[trainer.step]} dB, {time.process_time() - started:.0f} s\n"
            )
    spent = time.process_time() - started
    figures = evaluate_codec(trainer.codec, speak_held_out(CONFIG.sample_rate, CONFIG.level))
    values = sum(parameter.numel() for parameter in trainer.codec.parameters())
    facts = {
        "steps": steps,
        "learning_rate": learning_rate,
        "values": values,
        "processor_seconds": round(spent),
    }
    return {**facts, "validation_snr": curve, "held_out": figures}


def main(arguments: list[str]) -> None:
    """Steps, learning rate and the file to write may be given."""
    steps = int(arguments[0]) if arguments else STEPS
    rate = float(arguments[1]) if len(arguments) > 1 else TrainConfig().learning_rate
    out = Path(arguments[2]) if len(arguments) > 2 else RESULT
    out.write_text(json.dumps(train_encodec(steps, rate), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
