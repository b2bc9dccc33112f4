"""What `diff` adds: how the two were compared, and what `--fix` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class DiffSection(VerbSection):
    """How two sides were compared.

    Attributes:
        compared: `shapes` where one side holds fresh weights, so that values could not be compared.
        same_weights: The sentence and the counts where two forms of a model hold the same weights.
        other_weights: The same where two forms hold the weights of two trainings.
        loading: Where one side is code that was loaded in part: per tensor what became of it.
        fixed: Whether the repaired file was written, where it is, or the reason why it was not.
    """

    compared: Literal["values", "shapes"]
    same_weights: Facts | None = None
    other_weights: Facts | None = None
    loading: Facts | None = None
    fixed: Facts | None = None


SECTIONS = (DiffSection,)
