"""The calls of the body of a loop, on both sides."""

from __future__ import annotations

import numpy as np

from auscult.comparison.call_scopes import find_call_scope
from auscult.comparison.loop_calls import MIN_LOOP_CALLS, collect_loop_calls
from auscult.explain.case import IteratedCalls
from auscult.traces.records import Trace
from auscult.weights import Array
from tests.hand_made import make_noise, make_trace

X, B, Y = (make_noise(1, 3, 5, seed=seed) for seed in range(3))


def make_sampler(steps: int, *, with_time: bool) -> Trace:
    rows: list[tuple[str, Array]] = [(":input", X)]
    for step in range(steps):
        rows.append((f"f#{step}:input", X * (step + 2)))
        if with_time:
            rows.append((f"f#{step}:input.1", np.array([step / steps], np.float32)))
        rows.append((f"f#{step}", B * (step + 2)))
    return make_trace([*rows, (":noise", B), ("", Y)])


def collect(ref: Trace, cand: Trace) -> tuple[IteratedCalls, IteratedCalls] | None:
    record = ref.find("", "output")
    assert record is not None
    return collect_loop_calls(ref, cand, find_call_scope(ref, record), "", {})


def test_steps_of_both_sides() -> None:
    sampler = make_sampler(MIN_LOOP_CALLS, with_time=True)
    calls = collect(sampler, sampler)
    assert calls is not None
    reference_calls, candidate_calls = calls
    assert reference_calls.path == candidate_calls.path == "f"
    assert len(reference_calls.inputs) == len(reference_calls.outputs) == MIN_LOOP_CALLS
    assert len(reference_calls.noise) == 1
    assert reference_calls.result is not None
    assert np.array_equal(reference_calls.result, Y)


def test_the_times_that_a_graph_has_inside_are_the_other_sides() -> None:
    ref, cand = make_sampler(4, with_time=True), make_sampler(4, with_time=False)
    calls = collect(ref, cand)
    assert calls is not None
    assert np.array_equal(calls[1].inputs[2]["input.1"], ref.tensor(ref.records[8]))
    assert np.array_equal(calls[1].inputs[2]["input"], X * 4)


def test_fewer_calls_are_no_loop() -> None:
    sampler = make_sampler(MIN_LOOP_CALLS - 1, with_time=True)
    assert collect(sampler, sampler) is None
