"""Two runs to compare, aligned, and the faults that were located in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.measure.floor import (
    NoiseFloor,
)
from auscult.comparison.measure.tensor_comparisons import TensorComparisons
from auscult.comparison.modules import ModuleTree
from auscult.explain.case import LayerCase
from auscult.runtime.runner import Runner
from auscult.traces.records import Trace
from auscult.weights import Array

Inputs = Mapping[str, Array]
MakeCase = Callable[[FaultPlace], "LayerCase | None"]


@dataclass(frozen=True, eq=False)
class ComparedRuns:
    """What there is to compare.

    Attributes:
        reference, candidate: The two runs.
        reference_runner, candidate_runner: The live models, where there are any.
        inputs: Of the reference's run, to run it again.
        candidate_inputs: Of the candidate's, in its own order of axes.
    """

    reference: Trace
    candidate: Trace
    reference_runner: Runner | None = None
    candidate_runner: Runner | None = None
    inputs: Inputs | None = None
    candidate_inputs: Inputs | None = None


@dataclass(frozen=True, eq=False)
class AlignedSides:
    """Two runs with their modules, aligned, and the floor of the whole run."""

    runs: ComparedRuns
    reference: ModuleTree
    candidate: ModuleTree
    alignment: LayerAlignment
    floor: NoiseFloor


@dataclass(frozen=True, eq=False)
class LocatedFaults:
    """Where errors are born, by which comparisons, and how to make cases of the places.

    Attributes:
        separated: Whether the comparisons are of a run on the other side's tensors, so that all that
            differs was born.
    """

    comparisons: TensorComparisons
    places: tuple[FaultPlace, ...]
    case: MakeCase
    separated: bool
