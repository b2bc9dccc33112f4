"""What comparing two traces says about each layer."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.explain.case import Explanation, LayerCase


@dataclass(frozen=True, eq=False)
class LayerResult:
    """One aligned layer.

    Attributes:
        path_ref, path_cand: Its module paths.
        error: Relative error of the candidate's output in its own run.
        floor: Relative error that a correct implementation in the candidate's precision would have
            there.
        born: Whether an error beyond the floor arises here, from inputs that are the reference's.
        grown: Whether the error beyond the floor only passes through.
        case: What explaining works on, where an error is born.
        explanations: Best first; empty where no known mistake reproduces the candidate's output.
        looked_into: False where an error is born and so many were before it that its cause was not
            looked for.
    """

    path_ref: str
    path_cand: str
    error: float
    floor: float
    born: bool = False
    grown: bool = False
    case: LayerCase | None = None
    explanations: tuple[Explanation, ...] = ()
    looked_into: bool = True
