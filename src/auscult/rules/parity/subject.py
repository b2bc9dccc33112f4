"""What the rules of parity look at: two traces and what their comparison said of each layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auscult.comparison.results import LayerResult
    from auscult.traces.records import Trace


@dataclass(frozen=True, eq=False)
class CompareSubject:
    """Two traces and what comparing them said about each aligned layer, in the reference's order of execution."""

    ref: Trace
    cand: Trace
    layers: tuple[LayerResult, ...]
