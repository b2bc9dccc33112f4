"""Modules that are called again and again: samplers and decoders, compared step by step.

After the first step two right implementations part by rounding, and a sampler or an argmax may
make much of it. So each step is judged from the reference's state (`comparison.locate.forced`
gives it), and an error that grows while no step has one of its own is chaos, not a bug. Where
there are only files, a decoder whose token flips although the scores agree within the noise
floor is recognised by the margin between the two scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.comparison.align.axes import turned
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.measure.readings import Reading, Readings
from auscult.comparison.modules import Side
from auscult.weights import Array

MIN_STEPS = 3
Word = Literal["same", "born", "chaotic", "undecided"]


@dataclass(frozen=True)
class Flip:
    """A choice that fell otherwise.

    Attributes:
        step: In which call the chosen value first differs.
        scores: Path of the module whose output was chosen from.
        margin: How much the reference prefers its choice to the candidate's, in its own scores.
        error: Largest difference between the two sides' scores.
        order: Of the reference's record that holds the choice.
    """

    step: int
    scores: str
    margin: float
    error: float
    order: int

    @property
    def is_chance(self) -> bool:
        """Whether the difference of the scores can have turned the choice."""
        return self.margin <= 2 * self.error


@dataclass(frozen=True)
class StepsResult:
    """One module that is called again and again.

    Attributes:
        errors: Per step, of its output in the candidate's own run.
        own: Per step, from the reference's state; empty where no model was live.
        calls_cand: How often the candidate called it.
    """

    pair: LayerPair
    steps: int
    calls_cand: int
    errors: tuple[float, ...]
    own: tuple[float, ...]
    verdict: Word
    says: str
    flip: Flip | None = None


def iterated(ref: Side, alignment: LayerAlignment) -> Iterator[LayerPair]:
    """The outermost paired modules that the reference calls at least MIN_STEPS times."""
    for pair in alignment.pairs:
        module = ref.modules[pair.a]
        if not pair.is_single or module.calls < MIN_STEPS:
            continue
        parent = module.parent
        around = 1 if parent is None else ref.modules[parent].calls
        if module.calls >= MIN_STEPS * max(1, around):
            yield pair


@dataclass(frozen=True, eq=False)
class Steps:
    """Judges iterated modules.

    Attributes:
        readings: Of the candidate's own run.
        forced: From the reference's state, where there was a live model.
        born: Reference paths at which errors are born.
    """

    ref: Side
    cand: Side
    readings: Readings
    forced: Readings | None
    born: frozenset[str]

    def judge(self, pair: LayerPair) -> StepsResult:
        """Compare one module step by step."""
        calls, theirs = self.ref.modules[pair.a].calls, self.cand.modules[pair.b].calls
        run = [_worst(self.readings, pair.a, call) for call in range(min(calls, theirs))]
        own = (
            []
            if self.forced is None
            else [_worst(self.forced, pair.a, call) for call in range(min(calls, theirs))]
        )
        flip = self.find_flip(pair)
        first = next(
            (step for step, reading in enumerate(run) if reading is not None and reading.differs),
            None,
        )
        verdict, says = self._verdict(pair, first, flip)
        errors, alone = (tuple(r.error for r in found if r is not None) for found in (run, own))
        return StepsResult(pair, calls, theirs, errors, alone, verdict, says, flip)

    def _verdict(self, pair: LayerPair, first: int | None, flip: Flip | None) -> tuple[Word, str]:
        calls, theirs = self.ref.modules[pair.a].calls, self.cand.modules[pair.b].calls
        guilty = sorted(
            path for path in self.born if path == pair.a or path.startswith(f"{pair.a}.")
        )
        if guilty:
            return (
                "born",
                f"an error is born in {guilty[0]} when every step starts from the reference's state",
            )
        if flip is not None and flip.is_chance:
            return "chaotic", (
                f"at step {flip.step} another value is chosen, although the scores of {flip.scores} differ by no more than"
                f" {flip.error:.2g} and the reference prefers its own by {flip.margin:.2g}: rounding decided"
            )
        if calls == theirs and first is None:
            return "same", "every step agrees within the noise floor"
        separated = (
            self._from_the_references_state(pair, first)
            if calls == theirs and self.forced is not None
            else None
        )
        return separated or ("undecided", self._open(calls, theirs, first))

    def _from_the_references_state(
        self, pair: LayerPair, first: int | None
    ) -> tuple[Word, str] | None:
        """What a run tells in which every step starts from the reference's state; None if one is handed something else there."""
        if self.born:
            parted = (
                ""
                if first is None
                else f"; by themselves they part at step {first}, after an error born in {min(self.born)}"
            )
            right = self._steps_are_right(pair)
            return (
                ("same", f"from the reference's state no step has an error of its own{parted}")
                if right
                else None
            )
        if self._comes_together(pair):
            return (
                "same",
                f"rounding tells from step {first} on, but what is made of the steps agrees within the noise floor",
            )
        return (
            "chaotic",
            f"from step {first} on the runs part, but from the reference's state no step has an error of its own",
        )

    def _open(self, calls: int, theirs: int, first: int | None) -> str:
        if calls != theirs:
            return f"the reference makes {calls} steps, the candidate {theirs}"
        if self.forced is None:
            return f"step {first} is the first to differ; a live model is needed to start from the reference's state"
        return (
            f"step {first} is the first to differ, after an error that is born in {min(self.born)}"
        )

    def _steps_are_right(self, pair: LayerPair) -> bool:
        """Whether every step, started from the reference's state, takes and gives what the reference's does."""
        forced = self.forced.all if self.forced is not None else ()
        return not any(reading.differs for reading in forced if reading.pair.a == pair.a)

    def _comes_together(self, pair: LayerPair) -> bool:
        """Whether the module that owns the loop gives the same in spite of steps that differ."""
        parent = self.ref.modules[pair.a].parent
        outputs = (
            []
            if parent is None
            else [r for r in self.readings.all if r.is_output and r.pair.a == parent]
        )
        return bool(outputs) and not any(reading.differs for reading in outputs)

    def find_flip(self, pair: LayerPair) -> Flip | None:
        """The first step at which an integer input differs, with the scores that it was chosen from."""
        a, b = self.ref.modules[pair.a], self.cand.modules[pair.b]
        for step in range(1, min(a.calls, b.calls)):
            for reading in self.readings.inputs(pair.a, step):
                mine, theirs = (
                    a.by_key.get((step, reading.role)),
                    b.by_key.get((step, reading.role_cand)),
                )
                if (
                    mine is None
                    or theirs is None
                    or not reading.differs
                    or np.dtype(mine.dtype).kind not in "iu"
                ):
                    continue
                if mine.stored != "full" or theirs.stored != "full":
                    return None
                one, two = (
                    self.ref.trace.tensor(mine).ravel(),
                    self.cand.trace.tensor(theirs).ravel(),
                )
                return self._flip(step, (int(one[-1]), int(two[-1])), mine.order)
        return None

    def _flip(self, step: int, chosen: tuple[int, int], before: int) -> Flip | None:
        """The latest output before that place of whose last row both sides' choices are the best."""
        for reading in reversed([r for r in self.readings.all if r.is_output and r.order < before]):
            mine = self.ref.modules[reading.pair.a].by_key.get((reading.call, reading.role))
            theirs = self.cand.modules[reading.pair.b].by_key.get(
                (reading.call_cand, reading.role_cand)
            )
            if mine is None or theirs is None or mine.stored != "full" or theirs.stored != "full":
                continue
            here = self.ref.trace.tensor(mine)
            there = turned(here, self.cand.trace.tensor(theirs), {})
            if here.ndim == 0 or here.shape != there.shape or here.shape[-1] <= max(chosen):
                continue
            one, two = _last_row(here), _last_row(there)
            if (int(np.argmax(one)), int(np.argmax(two))) == chosen:
                margin, error = (
                    float(one[chosen[0]] - one[chosen[1]]),
                    float(np.max(np.abs(one - two))),
                )
                return (
                    None if reading.differs else Flip(step, reading.pair.a, margin, error, before)
                )
        return None


def _worst(readings: Readings, path: str, call: int) -> Reading | None:
    found = readings.outputs(path, call)
    return max(found, key=lambda reading: reading.error, default=None)


def _last_row(scores: Array) -> Array:
    row: Array = scores.reshape(-1, scores.shape[-1])[-1].astype(np.float64)
    return row
