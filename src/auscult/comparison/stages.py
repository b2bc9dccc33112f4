"""Stages first: which of encoder, decoder, vocoder is wrong, before any layer is looked at.

Each stage is run on the reference's tensors (its own error), and the candidate is run with that one stage taken from the
reference (what is left of the final error): the swap of components that finds in one step what hours of listening do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.locate import forced
from auscult.comparison.measure.floor import Floor
from auscult.comparison.measure.readings import Readings, read
from auscult.comparison.modules import Side
from auscult.errors import UsageError
from auscult.runtime.runner import Runner
from auscult.weights import Array


@dataclass(frozen=True)
class StageResult:
    """One stage.

    Attributes:
        own: Error of its output on the reference's tensors; None where it gives none that can be compared.
        left: Error of the whole model's output when this stage alone is taken from the reference.
        guilty: Whether an error is born in it, or in what is handed to it.
    """

    path_ref: str
    path_cand: str
    own: float | None
    left: float | None
    guilty: bool


def stage_pairs(names: Sequence[str], ref: Side, alignment: LayerAlignment) -> list[LayerPair]:
    """The aligned modules of these names: paths of the reference, or the last part of one.

    Raises:
        UsageError: If a name is no module, several, or is not aligned with any of the candidate's.
    """
    found = []
    for name in names:
        paths = [path for path in ref.modules if path == name] or [
            path for path in ref.modules if path.rpartition(".")[2] == name
        ]
        if len(paths) != 1:
            some = ", ".join(ref.children.get("", ())[:8])
            what = f"{len(paths)} modules" if paths else "no module of the reference"
            raise UsageError(f"names {what}", where="--stages", found=name, hint=f"it has {some}")
        pair = next((pair for pair in alignment.pairs if pair.a == paths[0]), None)
        if pair is None:
            hint = f"say which module of the candidate it is: --map {paths[0]}=PATH"
            raise UsageError(
                "is aligned with no module of the candidate",
                where="--stages",
                found=paths[0],
                hint=hint,
            )
        found.append(pair)
    return found


@dataclass(frozen=True, eq=False)
class Stages:
    """Judges stages.

    Attributes:
        runner, inputs: The live candidate and what it is run on.
        floor: Of single layers on exact inputs.
    """

    runner: Runner
    inputs: Mapping[str, Array]
    ref: Side
    cand: Side
    alignment: LayerAlignment
    floor: Floor

    def judge(self, pairs: Sequence[LayerPair]) -> list[StageResult]:
        """Judge each stage, with one run for all their own errors and one run per stage."""
        readings = self._run(pairs, own=True)
        results = []
        for pair in pairs:
            calls = range(self.ref.modules[pair.a].calls)
            outputs = [reading for call in calls for reading in readings.outputs(pair.a, call)]
            handed = [reading for call in calls for reading in readings.inputs(pair.a, call)]
            guilty = any(reading.differs for reading in (*outputs, *handed))
            own = max((reading.error for reading in outputs), default=None)
            results.append(StageResult(pair.a, pair.b, own, self._left(pair), guilty))
        return results

    def _run(self, replaced: Sequence[LayerPair], *, own: bool) -> Readings:
        """Readings of a run with these taken from the reference."""
        only = replace(self.alignment, pairs=tuple(replaced))
        run = forced.run_candidate(self.runner, self.inputs, self.ref, self.cand, only)
        return read(self.ref, Side.of(run), self.alignment, self.floor, own=own)

    def _left(self, pair: LayerPair) -> float | None:
        readings = self._run((pair,), own=False)
        found = [
            reading.error
            for reading in readings.all
            if reading.pair.by == "root" and reading.is_output
        ]
        return max(found, default=None)


def inside(path: str, stages: Sequence[StageResult]) -> bool:
    """Whether a layer lies in a guilty stage, or in none: the code between the stages is looked at too."""
    holders = [
        stage for stage in stages if path == stage.path_ref or path.startswith(f"{stage.path_ref}.")
    ]
    return not holders or any(stage.guilty for stage in holders)
