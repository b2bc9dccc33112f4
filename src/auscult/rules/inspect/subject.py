"""What the rules of `inspect` look at: one checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auscult.weights import Checkpoint


@dataclass(frozen=True)
class InspectSubject:
    """One checkpoint, with what was measured on it.

    Attributes:
        health: Per tensor name, the measures of `auscult.checkpoint.health`.
        family: The detected family and its hyper-parameters, where one was.
    """

    checkpoint: Checkpoint
    health: Mapping[str, Any] = field(default_factory=dict)
    family: Any = None
