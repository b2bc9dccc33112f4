"""One run: from whatever is given as a model and inputs, into memory or a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.errors import TargetError, UsageError
from auscult.runtime.capture_run import capture
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder, TensorStore
from auscult.traces.file import read_trace
from auscult.traces.records import Manifest, Trace
from auscult.weights import Array

X = np.arange(3, dtype=np.float32)


class Doubling:
    """A runner of one operation."""

    def paths(self) -> tuple[str, ...]:
        return ("",)

    def run(
        self, inputs: Mapping[str, Array], *, store: TensorStore | None = None, **options: Any
    ) -> Trace:
        recorder = Recorder(CaptureOptions(**options), store)
        recorder.add("", 0, "output", "Double", 2 * inputs["input"])
        if inputs["input"][0] < 0:
            raise TargetError("stopped", where="model")
        return recorder.finish(Manifest("numpy"))


def test_into_memory() -> None:
    trace = capture(Doubling(), {"input": X})
    assert (trace.path, trace.tensor(trace.records[0]).tolist()) == ("memory", [0, 2, 4])
    sketched = capture(Doubling(), {"input": X}, detail="statistics")
    assert sketched.records[0].stored == "statistics"


def test_into_a_file_that_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    np.savez(tmp_path / "x.npz", input=X)
    capture(Doubling(), str(tmp_path / "x.npz"), path)
    trace = read_trace(path)
    assert trace.tensor(trace.records[0]).tolist() == [0, 2, 4]
    with pytest.raises(UsageError, match="already there"):
        capture(Doubling(), {"input": X}, path)
    capture(Doubling(), {"input": X}, path, force=True)


def test_no_half_file_is_left(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="stopped"):
        capture(Doubling(), {"input": X - 1}, tmp_path / "t.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_run() -> None:
    with pytest.raises(TargetError, match="cannot be run"):
        capture(3, {"input": X})
