"""Settings that every training has, and the check of their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from auscult.errors import UsageError

Precision = Literal["no", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class GeneratorTrainConfig(ABC):
    """What the trainings of a codec and of a vocoder have in common; each has defaults of its own where they differ."""

    steps: int
    batch: int  # segments, of all processes together
    learning_rate: float
    warmup: int  # steps
    decay_share: float  # the last share of the steps, over which the rate falls along a cosine
    clip: float  # largest norm of the gradient
    mel_weight: float
    adversarial_weight: float  # critics take part where it or the next is above zero
    matching_weight: float
    evaluate_every: int  # steps
    save_every: int  # steps
    watch_every: int  # steps between looks of the monitor

    segment: float = 0.5  # seconds
    final_rate: float = 0.03  # share of the rate that is left at the end
    precision: Precision = "no"
    seed: int = 7
    critic_rate: float = 4e-4
    critic_channels: int = 16
    device: Device = "auto"  # a GPU where torch finds one for CUDA, else the processor
    threads: int = 0  # of torch on a CPU; 0 leaves them as they are

    @property
    @abstractmethod
    def critic_start(self) -> int:
        """First step with critics."""

    @property
    def has_critics(self) -> bool:
        return self.adversarial_weight > 0 or self.matching_weight > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file or a log."""
        return asdict(self)


def check_fields(cls: type, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values for a dataclass of that type, lists as tuples.

    Raises:
        UsageError: If it has no such field.
    """
    known_names = [entry.name for entry in fields(cls)]
    if unknown := sorted(set(values) - set(known_names)):
        raise UsageError(
            "no such field",
            where=where,
            found=", ".join(unknown),
            hint=f"it has {', '.join(known_names)}",
        )
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
