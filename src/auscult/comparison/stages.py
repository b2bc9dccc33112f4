"""Stages first: which of encoder, decoder, vocoder is wrong, before any layer is looked at.

Each stage is run on the reference's tensors (its own error), and the candidate is run with that one
stage taken from the reference (what is left of the final error): the swap of components that finds
in one step what hours of listening do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.locate import forced
from auscult.comparison.measure.floor import NoiseFloor
from auscult.comparison.measure.tensor_comparisons import (
    TensorComparison,
    TensorComparisons,
    compare_tensors,
)
from auscult.comparison.modules import ModuleTree
from auscult.errors import UsageError
from auscult.runtime.runner import Runner
from auscult.weights import Array


@dataclass(frozen=True)
class StageResult:
    """One stage.

    Attributes:
        own: Error of its output on the reference's tensors; None where it gives none that can be
            compared.
        left: Error of the whole model's output when this stage alone is taken from the reference.
        guilty: Whether an error is born in it, or in what is handed to it.
    """

    path_ref: str
    path_cand: str
    own: float | None
    left: float | None
    guilty: bool


def find_stage_pairs(
    names: Sequence[str], reference: ModuleTree, alignment: LayerAlignment
) -> list[LayerPair]:
    """The aligned modules of these names: paths of the reference, or the last part of one.

    Raises:
        UsageError: If a name is no module, several, or is not aligned with any of the candidate's.
    """
    pairs = []
    for name in names:
        paths = [path for path in reference.modules if path == name] or [
            path for path in reference.modules if path.rpartition(".")[2] == name
        ]
        if len(paths) != 1:
            example_paths = ", ".join(reference.children.get("", ())[:8])
            problem = f"{len(paths)} modules" if paths else "no module of the reference"
            raise UsageError(
                f"names {problem}", where="--stages", found=name, hint=f"it has {example_paths}"
            )
        pair = next((pair for pair in alignment.pairs if pair.a == paths[0]), None)
        if pair is None:
            hint = f"say which module of the candidate it is: --map {paths[0]}=PATH"
            raise UsageError(
                "is aligned with no module of the candidate",
                where="--stages",
                found=paths[0],
                hint=hint,
            )
        pairs.append(pair)
    return pairs


@dataclass(frozen=True, eq=False)
class StageJudge:
    """Judges stages.

    Attributes:
        runner, inputs: The live candidate and what it is run on.
        floor: Of single layers on exact inputs.
    """

    runner: Runner
    inputs: Mapping[str, Array]
    reference: ModuleTree
    candidate: ModuleTree
    alignment: LayerAlignment
    floor: NoiseFloor

    def judge(self, pairs: Sequence[LayerPair]) -> list[StageResult]:
        """Judge each stage, with one run for all their own errors and one run per stage."""
        comparisons = self._compare_forced_run(pairs, own_outputs=True)
        results = []
        for pair in pairs:
            outputs: list[TensorComparison] = []
            inputs: list[TensorComparison] = []
            for call in range(self.reference.modules[pair.a].calls):
                outputs += comparisons.outputs(pair.a, call)
                inputs += comparisons.inputs(pair.a, call)
            guilty = any(comparison.differs for comparison in (*outputs, *inputs))
            own_error = max((comparison.error for comparison in outputs), default=None)
            results.append(
                StageResult(pair.a, pair.b, own_error, self._measure_remaining_error(pair), guilty)
            )
        return results

    def _compare_forced_run(
        self, replaced_pairs: Sequence[LayerPair], *, own_outputs: bool
    ) -> TensorComparisons:
        """Comparisons of a run with these stages taken from the reference."""
        narrowed_alignment = replace(self.alignment, pairs=tuple(replaced_pairs))
        forced_run = forced.run_candidate(
            self.runner, self.inputs, self.reference, self.candidate, narrowed_alignment
        )
        return compare_tensors(
            self.reference,
            ModuleTree.of(forced_run),
            self.alignment,
            self.floor,
            own_outputs=own_outputs,
        )

    def _measure_remaining_error(self, pair: LayerPair) -> float | None:
        """The error of the whole model's output when this stage is taken from the reference."""
        comparisons = self._compare_forced_run((pair,), own_outputs=False)
        errors = [
            comparison.error
            for comparison in comparisons.all
            if comparison.pair.by == "root" and comparison.is_output
        ]
        return max(errors, default=None)


def is_in_guilty_stage(path: str, stages: Sequence[StageResult]) -> bool:
    """Whether a layer lies in a guilty stage, or in none: the code between the stages is looked at
    too.
    """
    holders = [
        stage for stage in stages if path == stage.path_ref or path.startswith(f"{stage.path_ref}.")
    ]
    return not holders or any(stage.guilty for stage in holders)
