"""Train the demo's vocoder: `python -m auscult.training.demo_vocoder`.

A narrow `streamspeech-modified` generator (94 tensors) learns to turn mel spectrograms of espeak-ng
speech back into speech. The forward pass computes what a training script of its own would: instance
norm without affine parameters, leaky ReLU 0.2, dilations 1/2/4, the three branches summed. None of
that is visible in the checkpoint that this writes.

Two stages: log-mel and multi-resolution STFT losses alone, then small spectrogram critics beside
them. The bundled checkpoint was made by two calls, the second of which goes on where the first
stopped; its log holds both:

    python -m auscult.training.demo_vocoder --out vocoder
    python -m auscult.training.demo_vocoder --out vocoder --steps 6500 --learning-rate 0.0008 --evaluate-every 250
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auscult.facts.atomic import replace_file
from auscult.training.data import (
    HELD_OUT_VARIANTS,
    Batches,
    Utterance,
    make_held_out_speech,
    make_training_speech,
)
from auscult.training.demo_vocoder_trainer import (
    ARCHITECTURE,
    MEL,
    DemoTrainConfig,
    DemoTrainer,
    keep_small_moments,
)
from auscult.training.evaluate import evaluate_vocoder
from auscult.training.losses import LogMel, StftLoss


def save_checkpoint(trainer: DemoTrainer, epoch: int, loss: float, path: Path) -> None:
    """The checkpoint as a training script would leave it.

    Its config says the sizes, the strides and the mel, not how the model computes.
    """
    sizes = (
        "mel_bins",
        "channels",
        "upsample_rates",
        "upsample_kernel_sizes",
        "mrf_kernel_sizes",
        "speaker_dim",
        "emotion_dim",
    )
    config = {name: value for name, value in asdict(ARCHITECTURE).items() if name in sizes}
    state = {
        f"generator.{name}": value.detach().clone()
        for name, value in trainer.generator.state_dict().items()
    }
    contents = {
        "epoch": epoch,
        "model_state_dict": state,
        "optimizer_state_dict": keep_small_moments(trainer.optimizer),
        "loss": loss,
        "config": {**config, "mel": MEL.to_config()},
    }
    with replace_file(path) as partial:
        torch.save(contents, partial)


def write_log_line(out: Path, entry: dict[str, Any]) -> None:
    """One line to the screen and to `train.jsonl`."""
    rounded_entry = dict(entry)
    for name, value in entry.items():
        if isinstance(value, float):
            rounded_entry[name] = round(value, 4)
    line = json.dumps(rounded_entry)
    print(line, flush=True)
    with (out / "train.jsonl").open("a") as handle:
        handle.write(line + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    config = parse_config(arguments)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    trainer = DemoTrainer.start(config)
    if (out / "resume.pt").exists():
        trainer.restore(torch.load(out / "resume.pt", weights_only=True))
    speech = make_training_speech(config.sentences, config.renderings, MEL.sample_rate, config.seed)
    seconds = sum(len(utterance.samples) for utterance in speech) / MEL.sample_rate
    parameters = sum(p.numel() for p in trainer.generator.parameters())
    about = {
        "utterances": len(speech),
        "seconds": seconds,
        "parameters": parameters,
        "step": trainer.step,
    }
    write_log_line(
        out,
        {
            "config": asdict(config),
            "architecture": asdict(ARCHITECTURE),
            "mel": MEL.to_config(),
            **about,
        },
    )
    run_training(trainer, speech, seconds, out)
    log_final_scores(trainer, out)


def run_training(
    trainer: DemoTrainer, speech: Sequence[Utterance], seconds: float, out: Path
) -> None:
    """Train to the last step; evaluate and save on the way."""
    config = trainer.config
    batches = Batches(speech, MEL, config.frames, config.unknown, config.seed + trainer.step)
    log_mel, stft, held_out = LogMel(MEL), StftLoss(), make_held_out_speech(MEL.sample_rate)
    seconds_per_step = config.batch * config.frames * MEL.hop / MEL.sample_rate  # seconds per step
    sums: dict[str, list[float]] = {}
    started = time.monotonic()
    while trainer.step < config.steps:
        terms = trainer.train_step(
            [torch.from_numpy(part) for part in batches.draw(config.batch)], log_mel, stft
        )
        for name, value in terms.items():
            sums.setdefault(name, []).append(value)
        if trainer.step % 50 == 0 or trainer.step == config.steps:
            means = {name: float(np.mean(values)) for name, values in sums.items()}
            write_log_line(
                out, {"step": trainer.step, **means, "wall_s": time.monotonic() - started}
            )
            sums.clear()
        if trainer.step % config.evaluate_every == 0 or trainer.step == config.steps:
            write_log_line(
                out, {"step": trainer.step, **evaluate_vocoder(trainer.generator, held_out, MEL)}
            )
            save_checkpoint(
                trainer,
                int(trainer.step * seconds_per_step / seconds),
                terms["mel"],
                out / "best_model.pth",
            )
            torch.save(trainer.state(), out / "resume.pt")


def log_final_scores(trainer: DemoTrainer, out: Path) -> None:
    """The last lines of the log: held-out sentences by voices that were trained and by others, with
    Griffin-Lim beside them.
    """
    known_voices = make_held_out_speech(MEL.sample_rate)
    scores = evaluate_vocoder(trainer.generator, known_voices, MEL, baseline=True)
    write_log_line(out, {"final": "held-out sentences", **scores})
    unknown_voices = make_held_out_speech(MEL.sample_rate, HELD_OUT_VARIANTS)
    scores = evaluate_vocoder(trainer.generator, unknown_voices, MEL, is_known=False, baseline=True)
    write_log_line(out, {"final": "held-out sentences and voices", **scores})


def parse_config(arguments: Sequence[str] | None) -> DemoTrainConfig:
    """Flags named after the fields of `DemoTrainConfig`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for field in fields(DemoTrainConfig):
        parser.add_argument(
            "--" + field.name.replace("_", "-"), type=type(field.default), default=field.default
        )
    return DemoTrainConfig(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
