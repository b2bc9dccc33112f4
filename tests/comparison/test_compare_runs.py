"""Two recorded runs compared as a whole, without a live model."""

from __future__ import annotations

import numpy as np

from auscult.comparison.compare_runs import RunComparison, align_runs, compare_runs
from auscult.comparison.locate.aligned_sides import ComparedRuns
from auscult.comparison.measure.floor import floor_from_error
from auscult.traces.records import Trace
from auscult.weights import Array
from tests.hand_made import make_noise, make_trace

X = make_noise(1, 4, 50)


def run(slope: float, x: Array = X, *, turned: bool = False, calls: int = 1) -> Trace:
    y = np.where(x >= 0, x, np.float32(slope) * x)
    if turned:
        x, y = (np.ascontiguousarray(array.transpose(0, 2, 1)) for array in (x, y))
    rows: list[tuple[str, Array]] = [(":input", x)]
    for call in range(calls):
        rows += [(f"act#{call}:input", x), (f"act#{call}", y)]
    return make_trace([*rows, ("", y * 1)], types={"act": "LeakyReLU", "": "Net"})


def compare(cand: Trace) -> RunComparison:
    return compare_runs(ComparedRuns(run(0.1), cand), floor=floor_from_error(1e-4))


def test_the_same() -> None:
    comparison = compare(run(0.1))
    assert (comparison.first, comparison.outputs_agree, comparison.separated) == (None, True, False)
    assert (comparison.inputs_differ, comparison.is_permuted, comparison.is_chaotic) == (
        False,
        False,
        False,
    )


def test_the_first_that_differs_and_its_cause() -> None:
    comparison = compare(run(0.01))
    assert comparison.first is not None
    assert comparison.first.pair.a == "act"
    assert not comparison.outputs_agree
    causes = [e.cause for result in comparison.results for e in result.explanations[:1]]
    assert causes == ["leaky-slope"]


def test_another_order_of_axes_is_seen() -> None:
    comparison = compare(run(0.1, turned=True))
    assert comparison.is_permuted
    assert comparison.outputs_agree


def test_other_inputs_are_said() -> None:
    assert compare(run(0.1, 2 * X)).inputs_differ


def test_calls_without_a_partner_are_a_skip() -> None:
    skips = {skip.where: skip.reason for skip in compare(run(0.1, calls=2)).skips}
    assert "called 1 times by the reference and 2 times by the candidate" in skips["act"]


def test_progress_and_overrides() -> None:
    messages: list[str] = []
    compare_runs(
        ComparedRuns(run(0.1), run(0.1)), progress=lambda _done, _all, what: messages.append(what)
    )
    assert messages == [
        "aligning layers",
        "measuring the noise floor",
        "locating",
        "explaining",
        "done",
    ]
    alignment = align_runs(ComparedRuns(run(0.1), run(0.1)), {"act": "act"})
    assert {pair.a: pair.by for pair in alignment.pairs} == {"act": "map", "": "root"}
