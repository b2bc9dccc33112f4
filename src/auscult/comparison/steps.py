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

from auscult.comparison.align.axes import to_reference_order
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.measure.tensor_comparisons import TensorComparison, TensorComparisons
from auscult.comparison.modules import ModuleTree
from auscult.traces.records import Record
from auscult.weights import Array

MIN_STEPS = 3
"""A module that is called at least so often within one call of its parent makes steps.

Chosen, not measured.
"""
StepVerdict = Literal["same", "born", "chaotic", "undecided"]


@dataclass(frozen=True)
class StepFlip:
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
        # Both scores may be off by the error, towards each other.
        return self.margin <= 2 * self.error


@dataclass(frozen=True)
class StepsResult:
    """One module that is called again and again.

    Attributes:
        errors: Per step, of its output in the candidate's own run.
        own: Per step, from the reference's state; empty where no model was live.
        candidate_calls: How often the candidate called it.
    """

    pair: LayerPair
    steps: int
    candidate_calls: int
    errors: tuple[float, ...]
    own: tuple[float, ...]
    verdict: StepVerdict
    says: str
    flip: StepFlip | None = None


def find_iterated_pairs(reference: ModuleTree, alignment: LayerAlignment) -> Iterator[LayerPair]:
    """The outermost paired modules that the reference calls at least MIN_STEPS times."""
    for pair in alignment.pairs:
        module = reference.modules[pair.a]
        if not pair.is_single or module.calls < MIN_STEPS:
            continue
        parent = module.parent
        parent_calls = 1
        if parent is not None:
            parent_calls = max(1, reference.modules[parent].calls)
        if module.calls >= MIN_STEPS * parent_calls:
            yield pair


@dataclass(frozen=True, eq=False)
class StepJudge:
    """Judges iterated modules.

    Attributes:
        comparisons: Of the candidate's own run.
        forced: From the reference's state, where there was a live model.
        born: Reference paths at which errors are born.
    """

    reference: ModuleTree
    candidate: ModuleTree
    comparisons: TensorComparisons
    forced: TensorComparisons | None
    born: frozenset[str]

    def judge(self, pair: LayerPair) -> StepsResult:
        """Compare one module step by step."""
        reference_calls, candidate_calls = self._count_calls(pair)
        calls = range(min(reference_calls, candidate_calls))
        worst_outputs = [_find_worst_output(self.comparisons, pair.a, call) for call in calls]
        forced_outputs: list[TensorComparison | None] = []
        if self.forced is not None:
            forced_outputs = [_find_worst_output(self.forced, pair.a, call) for call in calls]
        first_step = next(
            (step for step, output in enumerate(worst_outputs) if output and output.differs), None
        )
        flip = self.find_flip(pair)
        verdict, sentence = self._decide_verdict(pair, first_step, flip)
        return StepsResult(
            pair,
            reference_calls,
            candidate_calls,
            tuple(output.error for output in worst_outputs if output),
            tuple(output.error for output in forced_outputs if output),
            verdict,
            sentence,
            flip,
        )

    def _count_calls(self, pair: LayerPair) -> tuple[int, int]:
        return self.reference.modules[pair.a].calls, self.candidate.modules[pair.b].calls

    def _decide_verdict(
        self, pair: LayerPair, first: int | None, flip: StepFlip | None
    ) -> tuple[StepVerdict, str]:
        guilty_paths = sorted(
            path for path in self.born if path == pair.a or path.startswith(f"{pair.a}.")
        )
        if guilty_paths:
            sentence = (
                f"an error is born in {guilty_paths[0]} when every step starts from the reference's"
                " state"
            )
            return "born", sentence
        if flip is not None and flip.is_chance:
            sentence = (
                f"at step {flip.step} another value is chosen, although the scores of"
                f" {flip.scores} differ by no more than {flip.error:.2g} and the reference"
                f" prefers its own by {flip.margin:.2g}: rounding decided"
            )
            return "chaotic", sentence
        reference_calls, candidate_calls = self._count_calls(pair)
        verdict_from_reference = None
        if reference_calls == candidate_calls:
            if first is None:
                return "same", "every step agrees within the noise floor"
            if self.forced is not None:
                verdict_from_reference = self._judge_from_reference_state(pair, first)
        if verdict_from_reference is not None:
            return verdict_from_reference
        return "undecided", self._say_what_is_open(reference_calls, candidate_calls, first)

    def _judge_from_reference_state(
        self, pair: LayerPair, first: int
    ) -> tuple[StepVerdict, str] | None:
        """What a run shows in which every step starts from the reference's state; None if one is
        handed something else there.
        """
        if self.born:
            if not self._has_correct_steps(pair):
                return None
            sentence = (
                "from the reference's state no step has an error of its own; by themselves they"
                f" part at step {first}, after an error born in {min(self.born)}"
            )
            return "same", sentence
        if self._has_equal_outcome(pair):
            sentence = (
                f"rounding alone shows from step {first} on; the result of the steps agrees within"
                " the noise floor"
            )
            return "same", sentence
        sentence = (
            f"from step {first} on the runs part, but from the reference's state no step has an"
            " error of its own"
        )
        return "chaotic", sentence

    def _say_what_is_open(
        self, reference_calls: int, candidate_calls: int, first: int | None
    ) -> str:
        if reference_calls != candidate_calls:
            return f"the reference makes {reference_calls} steps, the candidate {candidate_calls}"
        if self.forced is None:
            return (
                f"step {first} is the first to differ; a live model is needed to start from the"
                " reference's state"
            )
        return (
            f"step {first} is the first to differ, after an error that is born in {min(self.born)}"
        )

    def _has_correct_steps(self, pair: LayerPair) -> bool:
        """Whether every step, started from the reference's state, takes and gives what the
        reference's does.
        """
        if self.forced is None:
            return True
        return not any(
            comparison.differs for comparison in self.forced.all if comparison.pair.a == pair.a
        )

    def _has_equal_outcome(self, pair: LayerPair) -> bool:
        """Whether the module that owns the loop gives the same in spite of steps that differ."""
        parent = self.reference.modules[pair.a].parent
        if parent is None:
            return False
        outputs = [
            comparison
            for comparison in self.comparisons.all
            if comparison.is_output and comparison.pair.a == parent
        ]
        return bool(outputs) and not any(comparison.differs for comparison in outputs)

    def find_flip(self, pair: LayerPair) -> StepFlip | None:
        """The first step at which an integer input differs, with the scores that it was chosen
        from.
        """
        for step in range(1, min(self._count_calls(pair))):
            for comparison in self.comparisons.inputs(pair.a, step):
                if not comparison.differs:
                    continue
                reference_record, candidate_record = self._find_records(comparison)
                if reference_record is None or candidate_record is None:
                    continue
                if np.dtype(reference_record.dtype).kind not in "iu":
                    continue
                if reference_record.stored != "full" or candidate_record.stored != "full":
                    return None
                reference_choice = int(self.reference.trace.tensor(reference_record).ravel()[-1])
                candidate_choice = int(self.candidate.trace.tensor(candidate_record).ravel()[-1])
                choices = (reference_choice, candidate_choice)
                return self._find_flip_scores(step, choices, reference_record.order)
        return None

    def _find_records(self, comparison: TensorComparison) -> tuple[Record | None, Record | None]:
        """The records of both sides that were compared."""
        a = self.reference.modules[comparison.pair.a]
        b = self.candidate.modules[comparison.pair.b]
        return (
            a.by_key.get((comparison.call, comparison.role)),
            b.by_key.get((comparison.candidate_call, comparison.candidate_role)),
        )

    def _find_flip_scores(
        self, step: int, choices: tuple[int, int], before: int
    ) -> StepFlip | None:
        """The latest output before that place of whose last row both sides' choices are the
        best.
        """
        outputs = [
            comparison
            for comparison in self.comparisons.all
            if comparison.is_output and comparison.order < before
        ]
        for comparison in reversed(outputs):
            reference_row, candidate_row = self._read_score_rows(comparison)
            if reference_row is None or candidate_row is None or len(reference_row) <= max(choices):
                continue
            if (int(np.argmax(reference_row)), int(np.argmax(candidate_row))) == choices:
                if comparison.differs:
                    return None
                margin = float(reference_row[choices[0]] - reference_row[choices[1]])
                error = float(np.max(np.abs(reference_row - candidate_row)))
                return StepFlip(step, comparison.pair.a, margin, error, before)
        return None

    def _read_score_rows(
        self, comparison: TensorComparison
    ) -> tuple[Array, Array] | tuple[None, None]:
        """The last row of an output on both sides; None where it is not recorded in full, or has
        another shape.
        """
        reference_record, candidate_record = self._find_records(comparison)
        if reference_record is None or reference_record.stored != "full":
            return None, None
        if candidate_record is None or candidate_record.stored != "full":
            return None, None
        reference_scores = self.reference.trace.tensor(reference_record)
        candidate_array = self.candidate.trace.tensor(candidate_record)
        candidate_scores = to_reference_order(reference_scores, candidate_array, {})
        if reference_scores.ndim == 0 or reference_scores.shape != candidate_scores.shape:
            return None, None
        return _take_last_row(reference_scores), _take_last_row(candidate_scores)


def _find_worst_output(
    comparisons: TensorComparisons, path: str, call: int
) -> TensorComparison | None:
    outputs = comparisons.outputs(path, call)
    return max(outputs, key=lambda comparison: comparison.error, default=None)


def _take_last_row(scores: Array) -> Array:
    row: Array = scores.reshape(-1, scores.shape[-1])[-1].astype(np.float64)
    return row
