"""Which thing on this side is which on that side: by content fingerprints, and by structure where content cannot decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auscult.align.records import Match, WeightAlignment, classify_match

if TYPE_CHECKING:
    from auscult.facts.progress import Progress
    from auscult.weights import Checkpoint

__all__ = ["Match", "WeightAlignment", "align", "classify_match"]


def align(a: Checkpoint, b: Checkpoint, *, progress: Progress | None = None) -> WeightAlignment:
    """Match the tensors of two checkpoints by their content; see `auscult.align.engine.align`."""
    from auscult.align import engine

    return engine.align(a, b, progress=progress)
