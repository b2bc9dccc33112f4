"""What rules look at. A rule names the subject it needs in `REQUIRES`; the verb hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auscult.align.records import Alignment
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


@dataclass(frozen=True)
class DiffSubject:
    """Two checkpoints and their alignment. `b` may be code whose weights are only an initialisation (`b_is_template`)."""

    a: Checkpoint
    b: Checkpoint
    alignment: Alignment
    b_is_template: bool = False
