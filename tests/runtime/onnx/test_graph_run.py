"""One run of a graph: everything recorded, with substitutes, in one batch or in several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.runtime.onnx.graph import OnnxGraph, read_graph
from auscult.runtime.onnx.graph_run import GraphRun
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.traces.records import Manifest, Trace
from auscult.weights import Array
from tests.runtime.onnx.graphs import WEIGHTS, X, write_graph


@pytest.fixture
def graph(tmp_path: Path) -> OnnxGraph:
    nodes = [
        ("MatMul", ["x", "w"], ["a"], "/first/MatMul"),
        ("Relu", ["a"], ["b"], "/Relu"),
        ("MatMul", ["b", "v"], ["y"], "/second/MatMul"),
    ]
    return read_graph(write_graph(tmp_path / "m.onnx", nodes))


def record(graph: OnnxGraph, fixed: dict[str, Array], batch_bytes: int = 1 << 20) -> Trace:
    recorder = Recorder(CaptureOptions(batch_bytes=batch_bytes))
    types: dict[str, object] = {}
    GraphRun(graph, "m.onnx", X, fixed, recorder, types).record_all()
    assert types == dict.fromkeys("aby", np.dtype(np.float32))
    return recorder.finish(Manifest("onnxruntime"))


def read(trace: Trace, path: str, role: str = "output") -> Array:
    found = trace.find(path, role)
    assert found is not None
    return trace.tensor(found)


@pytest.mark.parametrize("batch_bytes", [1 << 20, 1])
def test_every_result_whatever_fits_into_a_batch(graph: OnnxGraph, batch_bytes: int) -> None:
    trace = record(graph, {}, batch_bytes)
    a = X["x"] @ WEIGHTS["w"]
    np.testing.assert_allclose(read(trace, "first.MatMul"), a, rtol=1e-5)
    np.testing.assert_allclose(read(trace, ""), np.maximum(a, 0) @ WEIGHTS["v"], rtol=1e-5)
    assert [r.same_as for r in trace if (r.path, r.role) == ("Relu", "input")] == [
        "first.MatMul#0:output"
    ]


@pytest.mark.parametrize("batch_bytes", [1 << 20, 1])
def test_a_substitute_and_what_the_node_gave_itself(graph: OnnxGraph, batch_bytes: int) -> None:
    ones = np.ones((1, 3), np.float32)
    trace = record(graph, {"b": ones}, batch_bytes)
    assert np.array_equal(read(trace, "Relu"), ones)
    a = X["x"] @ WEIGHTS["w"]
    np.testing.assert_allclose(read(trace, "Relu", "own"), np.maximum(a, 0), rtol=1e-5)
    np.testing.assert_allclose(read(trace, ""), ones @ WEIGHTS["v"], rtol=1e-5)
