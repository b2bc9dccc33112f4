"""Train the demo's vocoder: `python -m auscult.training.vocoder`.

A narrow `streamspeech-modified` generator (94 tensors) learns to turn mel spectrograms of espeak-ng
speech back into speech. The forward pass computes what a training script of its own would: instance norm
without affine parameters, leaky ReLU 0.2, dilations 1/2/4, the three branches summed. None of that
is visible in the checkpoint that this writes.

Two stages: log-mel and multi-resolution STFT losses alone, then small spectrogram critics beside
them. The bundled checkpoint was made by two calls, the second of which goes on where the first
stopped; its log holds both:

    python -m auscult.training.vocoder --out vocoder
    python -m auscult.training.vocoder --out vocoder --steps 6500 --learning-rate 0.0008 --evaluate-every 250
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families.streamspeech_modified.config import Config as Architecture
from auscult.families.streamspeech_modified.torch import Generator, build
from auscult.sound.mel import MelDefinition, count_padding
from auscult.training.data import (
    HELD_OUT_VARIANTS,
    Batches,
    Utterance,
    make_held_out_speech,
    make_training_speech,
)
from auscult.training.evaluate import evaluate_vocoder
from auscult.training.losses import LogMel, SpectrogramCritics, StftLoss


@dataclass(frozen=True)
class VocoderTrainConfig:
    """Everything that can be changed from the command line."""

    out: str = "scratch/vocoder"  # folder of the checkpoint, the log and the state to resume from
    steps: int = 4500  # in all, both stages
    critic_start: int = 4500  # first step with critics; at `steps` there are none
    batch: int = 4  # segments
    frames: int = (
        128  # mel frames in a segment: instance norm sees all of them at once, so not too few
    )
    learning_rate: float = 1.2e-3  # peak, of the generator
    critic_learning_rate: float = 4e-4  # constant
    warmup: int = 100  # steps
    final_rate: float = 0.05  # share of the peak that is left at the last step (cosine)
    mel_weight: float = 3.0  # L1 of log-mel
    stft_weight: float = 1.0  # multi-resolution STFT
    adversarial_weight: float = 0.3
    matching_weight: float = 1.0
    critic_channels: int = 16
    sentences: int = 90  # per language
    renderings: int = 3  # of each sentence
    unknown: float = 0.15  # share of segments without voice and style
    evaluate_every: int = 500  # steps
    threads: int = 1
    seed: int = 7


ARCHITECTURE = Architecture(
    channels=(96, 80, 64, 48, 32, 16),
    upsample_rates=(2, 2, 2, 2, 4),  # product 64 = the mel's hop
    upsample_kernel_sizes=(4, 4, 4, 4, 8),
)
MEL = MelDefinition(hop=64, win=128)
"""Short frames on purpose. A network without memory gives the same samples for the same frame, so a
steady vowel whose frames are all alike comes out at the pitch of the frame rate. Frames of 8 ms
every 4 ms show where each glottal pulse lies."""


def find_learning_rate(step: int, config: VocoderTrainConfig) -> float:
    """Linear warm-up, then a cosine down to `final_rate`."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (
        config.final_rate + (1 - config.final_rate) * 0.5 * (1 + cos(pi * done))
    )


@dataclass
class VocoderTrainer:
    """The state of a run."""

    config: VocoderTrainConfig
    generator: Generator
    critics: SpectrogramCritics
    optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def start(cls, config: VocoderTrainConfig) -> VocoderTrainer:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        generator, critics = build(ARCHITECTURE), SpectrogramCritics(config.critic_channels)
        return cls(
            config,
            generator,
            critics,
            torch.optim.AdamW(
                generator.parameters(), config.learning_rate, betas=(0.8, 0.99), weight_decay=0.0
            ),
            torch.optim.AdamW(
                critics.parameters(),
                config.critic_learning_rate,
                betas=(0.8, 0.99),
                weight_decay=0.0,
            ),
        )

    def state(self) -> dict[str, Any]:
        """All that a later run needs to go on."""
        parts: dict[str, Any] = {name: getattr(self, name).state_dict() for name in self._parts}
        return {**parts, "step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        for name in self._parts:
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    _parts = ("generator", "critics", "optimizer", "critic_optimizer")

    def train_step(
        self, batch: Sequence[Tensor], log_mel: LogMel, stft: StftLoss
    ) -> dict[str, float]:
        """One update of the generator, and of the critics once they take part; the loss terms by
        name.

        Args:
            batch: What `Batches.draw` gives.
        """
        config, margin = self.config, count_padding(MEL)
        padded, speaker, emotion = batch
        target = padded[:, margin:-margin]
        output = self.generator(log_mel.of_padded(padded), speaker, emotion)[:, 0]
        terms = {
            "mel": functional.l1_loss(log_mel(output), log_mel(target)),
            "stft": stft(output, target),
        }
        loss = config.mel_weight * terms["mel"] + config.stft_weight * terms["stft"]
        if self.step >= config.critic_start:
            terms["critic"] = self.critics.critic_loss(output, target)
            update_weights(self.critic_optimizer, terms["critic"], self.critics)
            terms["adversarial"], terms["matching"] = self.critics.generator_loss(output, target)
            loss = (
                loss
                + config.adversarial_weight * terms["adversarial"]
                + config.matching_weight * terms["matching"]
            )
        for group in self.optimizer.param_groups:
            group["lr"] = find_learning_rate(self.step, config)
        update_weights(self.optimizer, loss, self.generator)
        self.step += 1
        return {name: value.item() for name, value in terms.items()}


def update_weights(optimizer: torch.optim.Optimizer, loss: Tensor, module: nn.Module) -> None:
    """One clipped gradient step."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), 5.0)
    optimizer.step()


def keep_small_moments(optimizer: torch.optim.Optimizer, largest: int = 128) -> dict[str, Any]:
    """The optimizer's state without the moments of large tensors: enough to see that there was
    one.
    """
    state = optimizer.state_dict()
    small_entries = {
        index: entry
        for index, entry in state["state"].items()
        if entry["exp_avg"].numel() <= largest
    }
    return {"state": small_entries, "param_groups": state["param_groups"]}


def save_checkpoint(trainer: VocoderTrainer, epoch: int, loss: float, path: Path) -> None:
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
    partial = path.with_suffix(".partial")
    torch.save(contents, partial)
    partial.replace(path)


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
    trainer = VocoderTrainer.start(config)
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
    trainer: VocoderTrainer, speech: Sequence[Utterance], seconds: float, out: Path
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


def log_final_scores(trainer: VocoderTrainer, out: Path) -> None:
    """The last lines of the log: held-out sentences by voices that were trained and by others, with
    Griffin-Lim beside them.
    """
    known_voices = make_held_out_speech(MEL.sample_rate)
    scores = evaluate_vocoder(trainer.generator, known_voices, MEL, baseline=True)
    write_log_line(out, {"final": "held-out sentences", **scores})
    unknown_voices = make_held_out_speech(MEL.sample_rate, HELD_OUT_VARIANTS)
    scores = evaluate_vocoder(trainer.generator, unknown_voices, MEL, is_known=False, baseline=True)
    write_log_line(out, {"final": "held-out sentences and voices", **scores})


def parse_config(arguments: Sequence[str] | None) -> VocoderTrainConfig:
    """Flags named after the fields of `VocoderTrainConfig`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for field in fields(VocoderTrainConfig):
        parser.add_argument(
            "--" + field.name.replace("_", "-"), type=type(field.default), default=field.default
        )
    return VocoderTrainConfig(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
