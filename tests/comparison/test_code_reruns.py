"""The reference's own code, run again with other arguments of the functions that it calls."""

from __future__ import annotations

import numpy as np

from auscult.comparison.call_scopes import find_call_scope
from auscult.comparison.code_reruns import make_code_rerun
from auscult.facts.function_changes import CallChange, CodeRerun
from auscult.runtime.torch.runner import TorchRunner
from tests.explain.mistakes.code_places import FRAMES, StatisticsPool


def make_rerun() -> tuple[CodeRerun, np.ndarray]:
    """Of the code that hands the pooled statistics to the projection."""
    runner = TorchRunner(StatisticsPool())
    trace = runner.run({"input": FRAMES})
    record = trace.find("out", "input", 0)
    assert record is not None
    rerun = make_code_rerun(runner, trace, find_call_scope(trace, record), record)
    assert rerun is not None
    return rerun, trace.tensor(record)


def test_the_code_as_it_is_and_changed() -> None:
    rerun, pooled = make_rerun()
    assert set(rerun.read_functions()) == {"mean", "std"}
    repeated = rerun.run()
    assert repeated is not None
    assert np.array_equal(repeated, pooled)
    biased = rerun.run([CallChange("std", {"correction": 0})])
    assert biased is not None
    frames = FRAMES.shape[-1]
    expected = pooled.copy()
    expected[:, 16:] *= np.sqrt((frames - 1) / frames)
    assert np.allclose(biased, expected, rtol=1e-5)


def test_what_cannot_run_gives_nothing() -> None:
    rerun, _ = make_rerun()
    assert rerun.run([CallChange("std", {"dim": 7})]) is None
    assert rerun.run(attributes={"no_such_attribute": 1}) is None


def test_a_trace_alone_has_no_code_to_run() -> None:
    trace = TorchRunner(StatisticsPool()).run({"input": FRAMES})
    record = trace.records[-1]
    assert make_code_rerun(None, trace, find_call_scope(trace, record), record) is None
