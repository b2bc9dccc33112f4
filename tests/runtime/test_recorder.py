"""What a recorder keeps of each tensor, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.runtime.options import CaptureOptions, Detail
from auscult.runtime.recorder import MemoryStore, Recorder
from auscult.traces.records import Manifest
from auscult.traces.sketch import SAMPLE_SIZE, sample_elements, sketch_tensor
from tests.hand_made import make_noise

X = make_noise(SAMPLE_SIZE + 100)


@pytest.mark.parametrize("detail", ["full", "sketch", "sample", "statistics"])
def test_detail(detail: Detail) -> None:
    recorder = Recorder(CaptureOptions(detail=detail))
    record = recorder.add("a", 0, "output", "Linear", X)
    trace = recorder.finish(Manifest("numpy"))
    assert (record.stored, record.order, trace.records) == (detail, 0, (record,))
    assert record.statistics.mean == pytest.approx(X.mean(dtype=np.float64), abs=1e-6)
    assert isinstance(recorder.store, MemoryStore)
    kept = {
        "full": {record.key: X},
        "sample": {record.key: sample_elements(X)},
        "sketch": {f"{record.key}~sketch": sketch_tensor(X).astype(np.float32)},
        "statistics": {},
    }[detail]
    assert list(recorder.store.arrays) == list(kept)
    for key, array in kept.items():
        assert np.allclose(recorder.store.arrays[key], array, rtol=1e-6)


def test_a_tensor_may_change_as_soon_as_it_is_recorded() -> None:
    recorder, array = Recorder(CaptureOptions()), X.copy()
    record = recorder.add("a", 0, "output", "Linear", array)
    array[:] = 0
    trace = recorder.finish(Manifest("numpy"))
    assert np.array_equal(trace.tensor(record), X)


def test_again_is_stored_once() -> None:
    recorder = Recorder(CaptureOptions())
    first = recorder.add("a", 0, "output", "Linear", X)
    second = recorder.again("b", 0, "input", "Conv1d", first)
    third = recorder.again("c", 0, "input", "Conv1d", second)
    assert (second.same_as, third.same_as, third.order) == (first.key, first.key, 2)
    assert isinstance(recorder.store, MemoryStore)
    assert list(recorder.store.arrays) == [first.key]


def test_what_is_over_the_limit_is_a_sketch_but_noise_is_whole() -> None:
    recorder = Recorder(CaptureOptions(max_bytes=X.nbytes))
    assert recorder.add("a", 0, "output", "Linear", X).stored == "full"
    assert recorder.add("b", 0, "output", "Linear", X).stored == "sketch"
    assert recorder.add("c", 0, "noise", "randn", X).stored == "full"
    assert list(recorder.left_out) == ["b#0:output"]
    assert recorder.noise == ["c#0:noise"]
