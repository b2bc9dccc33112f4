"""The trainer of the codec.

Accelerate places the model, casts for mixed precision and averages the gradients under `torchrun`; everything else is written out
here, so that it can be read and changed. A step depends on the seed, the number of the step and the state alone, and the state is
in the checkpoint: a run that is killed and resumed goes on bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import cos, isfinite, pi
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from auscult.errors import AuscultError
from auscult.families.codec.storage import read_tensors, write_codec, write_tensors
from auscult.families.codec.torch import Codec
from auscult.training.codec.checkpoint import flatten_optimizer, part, restore_optimizer
from auscult.training.codec.codebooks import Codebooks
from auscult.training.codec.config import TrainConfig
from auscult.training.codec.initial import start_codec
from auscult.training.codec.journal import Journal
from auscult.training.codec.losses import Losses, commitment_loss
from auscult.training.codec.segments import Segments
from auscult.training.codec.speech import Speech
from auscult.training.codec.validate import evaluate

Progress = Callable[[int, int, str], None]

RESUME, RELEASE = "resume.safetensors", "codec.safetensors"
START_SEGMENTS = 96  # whose latents place the codebooks before the first step
MAX_BAD_STEPS = 20  # in a row, without a finite gradient
LOG_EVERY = 50  # steps


class TrainingError(AuscultError):
    """A run that cannot go on."""


def learning_rate(step: int, config: TrainConfig) -> float:
    """A linear warm-up, a plateau, and a cosine over the last `decay_share` of the steps."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    start = config.steps * (1 - config.decay_share)
    done = min(max((step - start) / max(1.0, config.steps - start), 0.0), 1.0)
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * 0.5 * (1 + cos(pi * done)))


class Trainer:
    """The state of a run, and its steps."""

    def __init__(self, config: TrainConfig, speech: Speech) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config, self.speech = config, speech
        self.accelerator = Accelerator(mixed_precision=config.precision, cpu=not torch.cuda.is_available())
        torch.manual_seed(config.seed)
        self.codec: Codec = start_codec(config.codec, config.start).to(self.accelerator.device)
        self.losses = Losses(config.codec.sample_rate, mel=config.mel_weight > 0, spectral=config.spectral_weight > 0)
        self.losses.to(self.accelerator.device)
        optimizer = torch.optim.AdamW(self.codec.parameters(), config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
        self.model, self.optimizer = self.accelerator.prepare(self.codec, optimizer)
        self.books = Codebooks(self.codec.quantizer, decay=config.codebook_decay, dead=config.dead_share, seed=config.seed)
        self.segments = Segments(speech, round(config.segment * config.codec.sample_rate), config.seed)
        self.step = 0
        self.bad_steps = 0
        self.spread = torch.ones(())

    @torch.no_grad()
    def place_codebooks(self) -> None:
        """K-means over the latents of the first segments."""
        audio = self._share(self.segments.draw, -1, START_SEGMENTS)
        latent = torch.cat([self.codec.encoder(self.codec.padded(piece)) for piece in audio.split(16)])
        self.books.start(latent)

    def _share(self, draw: Callable[..., Any], step: int, count: int, *more: Any) -> Any:
        accelerator = self.accelerator
        drawn = draw(step % 2**32, count, *more, rank=accelerator.process_index, processes=accelerator.num_processes)
        return None if drawn is None else drawn.to(accelerator.device)

    def train_step(self) -> dict[str, float]:
        """One update; the loss terms and a few figures by name. A step without a finite gradient changes nothing."""
        config = self.config
        target = self._share(self.segments.draw, self.step, config.batch)
        depths = self._share(self.segments.depths, self.step, config.batch, config.codec.books, config.dropout)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, config)
        output, quantized = self.model(target, depths)
        terms = self.losses(output.float(), target)
        latent_power = quantized.inputs[0].square().mean()
        terms["commitment"] = commitment_loss(output.float(), target, latent_power, quantized.distance)
        loss = sum((self._weight(name) * value for name, value in terms.items()), output.new_zeros(()))
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = float(self.accelerator.clip_grad_norm_(self.model.parameters(), config.clip))
        if isfinite(norm):
            self.optimizer.step()
            self.books.dead = config.dead_share if self.step < config.revive_until * config.steps else 1e-3
            self.books.update(quantized)
        self.bad_steps = 0 if isfinite(norm) else self.bad_steps + 1
        self.step += 1
        error = (output.detach() - target).square().sum()
        figures = {name: float(value.detach()) for name, value in terms.items()}
        return {**figures, "gradient": norm, "snr": float(10 * torch.log10(target.square().sum() / error.clamp_min(1e-12)))}

    def _weight(self, name: str) -> float:
        weight: float = getattr(self.config, f"{name}_weight")
        return weight

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        return {
            **{f"codec.{name}": value for name, value in self.codec.state_dict().items()},
            **{f"books.{name}": value for name, value in self.books.state().items()},
            **flatten_optimizer(self.optimizer, "optimizer."),
        }

    def restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        self.codec.load_state_dict(part(tensors, "codec."))
        self.books.restore(part(tensors, "books."))
        restore_optimizer(self.optimizer, tensors, "optimizer.")
        self.step = int(about["step"])

    def save(self, out: Path, **about: Any) -> bool:
        """Both checkpoints, by the first process. False if the disk did not take them; the ones before are then still whole."""
        if not self.accelerator.is_main_process:
            return True
        facts = {"step": self.step, "training": self.config.to_dict(), **about}
        try:
            write_tensors(self.state(), facts, out / RESUME)
            write_codec(self.codec, self.config.codec, out / RELEASE, facts)
        except OSError:
            return False
        return True


def train(config: TrainConfig, speech: Speech, *, progress: Progress | None = None) -> dict[str, Any]:
    """Train, or go on with the run that is in `config.out`, to the last step; the figures of the last evaluation.

    Raises:
        TrainingError: If the run cannot go on; the diagnosis says why.
    """
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, speech)
    if (out / RESUME).exists():
        trainer.restore(*read_tensors(out / RESUME))
    else:
        trainer.place_codebooks()
    main = trainer.accelerator.is_main_process
    journal = Journal(out, step=trainer.step) if main else None
    if journal is not None and trainer.step == 0:
        parameters = sum(value.numel() for value in trainer.codec.parameters())
        journal.line({"config": config.to_dict(), "parameters": parameters, "seconds": speech.seconds})
    try:
        return _run(trainer, out, journal, progress)
    finally:
        if journal is not None:
            journal.close()


def _run(trainer: Trainer, out: Path, journal: Journal | None, progress: Progress | None) -> dict[str, Any]:
    config = trainer.config
    sums: dict[str, list[float]] = {}
    figures: dict[str, Any] = {}
    started, cpu = time.monotonic(), time.process_time()
    while trainer.step < config.steps:
        for name, value in trainer.train_step().items():
            sums.setdefault(name, []).append(value)
        if trainer.bad_steps >= MAX_BAD_STEPS:
            raise TrainingError(
                f"{MAX_BAD_STEPS} steps in a row without a finite gradient",
                where=f"step {trainer.step}",
                hint="lower the learning rate, or train with precision `no`",
            )
        last = trainer.step == config.steps
        if journal is not None and (trainer.step % LOG_EVERY == 0 or last):
            means = {name: sum(values) / len(values) for name, values in sums.items()}
            sums.clear()
            spent = {"wall_s": time.monotonic() - started, "cpu_s": time.process_time() - cpu}
            shares = trainer.books.perplexity()
            journal.line(
                {"step": trainer.step, **means, "rate": learning_rate(trainer.step, config), "perplexity_min": min(shares),
                 "perplexity_mean": sum(shares) / len(shares), "revived": trainer.books.replaced, **spent}
            )  # fmt: skip
        if trainer.step % config.evaluate_every == 0 or last:
            if trainer.accelerator.is_main_process:
                figures = evaluate(trainer.codec, trainer.speech.held_out)
            if journal is not None:
                journal.line({"step": trainer.step, "held_out": figures})
        if trainer.step % config.save_every == 0 or last:
            trainer.save(out, held_out=figures)
        if progress is not None:
            progress(trainer.step, config.steps, f"training step {trainer.step}")
    return figures


__all__ = ["RELEASE", "RESUME", "Trainer", "TrainingError", "learning_rate", "nn", "train"]
