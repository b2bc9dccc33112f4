"""A trace gives back what is stored, and says so where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import UsageError
from auscult.traces.records import SKETCH_SUFFIX, Manifest, Trace
from auscult.traces.sketch import sketch_tensor
from tests.hand_made import make_noise, make_record, make_trace

X, Y = make_noise(2, 5), make_noise(2, 5, seed=1)


def test_records_are_found_by_path_role_and_call() -> None:
    trace = make_trace([("a#0:input", X), ("a#0:output", Y), ("a#1:output", X)])
    assert [record.key for record in trace] == ["a#0:input", "a#0:output", "a#1:output"]
    assert len(trace) == 3
    found = trace.find("a", call=1)
    assert found is not None
    assert found.order == 2
    assert trace.find("a", "output", 2) is None


def test_one_tensor_that_appears_twice_is_read_where_it_is_stored() -> None:
    trace = make_trace([("a:output", X), ("b:input", X)])
    assert trace.records[1].same_as == "a#0:output"
    assert np.array_equal(trace.tensor(trace.records[1]), X)


def test_a_sketch_is_taken_now_or_read() -> None:
    whole = make_trace([("a", X)])
    assert np.array_equal(whole.sketch(whole.records[0]), sketch_tensor(X))
    record = make_record("a", X, stored="sketch")
    values = {record.key + SKETCH_SUFFIX: np.arange(3.0)}
    sketched = Trace(Manifest("numpy"), (record,), values.__getitem__)
    assert sketched.sketch(record).tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match="holds no tensor but sketch"):
        sketched.tensor(record)


def test_statistics_alone_have_neither() -> None:
    trace = make_trace([("a", X)], stored="statistics")
    with pytest.raises(UsageError, match="holds no tensor"):
        trace.tensor(trace.records[0])
    with pytest.raises(UsageError, match="holds no sketch"):
        trace.sketch(trace.records[0])
