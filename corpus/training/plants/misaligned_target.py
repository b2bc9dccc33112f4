"""Another item's target, a target that is late, another utterance altogether."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from auscult.preflight_checks.material import make_batch
from corpus.training.trainers import (
    BATCH,
    CODECS,
    RATE,
    SHAPES,
    TIME,
    Knobs,
    Shape,
    Trainer,
    build_trainer,
    codec_loss,
)

CAUSE = "misaligned-target"


def exchanged(shape: Shape, seed: int) -> Trainer:
    """Each item's target is the next one's."""
    return _with_target(build_trainer(Knobs(shape, seed)), shape, lambda audio: audio.roll(1, 0))


def other(shape: Shape, seed: int) -> Trainer:
    """Targets that have nothing to do with the inputs."""
    return _with_target(
        build_trainer(Knobs(shape, seed)),
        shape,
        lambda audio: make_batch(RATE, TIME, BATCH, seed=seed + 100).to(audio),
    )


def late(shape: Shape, seed: int) -> Trainer:
    """The target is 37 samples late."""
    return _with_target(build_trainer(Knobs(shape, seed)), shape, lambda audio: audio.roll(37, -1))


def _with_target(trainer: Trainer, shape: Shape, change: Callable[[Tensor], Tensor]) -> Trainer:
    if shape == "hifigan":
        mel, audio = trainer["batch"]
        return {**trainer, "batch": (mel, change(audio))}
    audio = trainer["batch"]
    return {
        **trainer,
        "batch": (audio, change(audio)),
        "loss": lambda output, batch: codec_loss(output, batch[1]),
    }


VARIANTS = {
    "exchanged": (SHAPES, exchanged),
    "other utterances": (SHAPES, other),
    "late": (CODECS, late),
}
