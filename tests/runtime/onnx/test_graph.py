"""The nodes of an ONNX graph, and edited copies of it that run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from auscult.errors import CheckpointError
from auscult.runtime.onnx.graph import OWN_SUFFIX, OnnxGraph, read_graph
from auscult.weights import Array
from tests.runtime.onnx.graphs import WEIGHTS, X, write_graph


@pytest.fixture
def graph(tmp_path: Path) -> OnnxGraph:
    nodes = [
        ("MatMul", ["x", "w"], ["a"], "/first/MatMul"),
        ("Relu", ["a"], ["b"], ""),
        ("Transpose", ["v"], ["vt"], "/second/Transpose"),
        ("MatMul", ["b", "vt"], ["y"], "/second/MatMul"),
    ]
    return read_graph(write_graph(tmp_path / "m.onnx", nodes))


def run(model: bytes, feeds: Mapping[str, Array]) -> dict[str, Array]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


A = X["x"] @ WEIGHTS["w"]
Y = np.maximum(A, 0) @ WEIGHTS["v"].T


def test_paths_types_and_inputs(graph: OnnxGraph) -> None:
    assert [(node.path, node.op) for node in graph.nodes] == [
        ("first.MatMul", "MatMul"),
        ("b", "Relu"),
        ("second.Transpose", "Transpose"),
        ("second.MatMul", "MatMul"),
    ]
    assert (graph.inputs, graph.outputs) == ({"x": "float32"}, ("y",))
    assert set(graph.initializers) == {"w", "v"}


def test_a_turned_weight_is_owned_by_the_layer_that_uses_it(graph: OnnxGraph) -> None:
    assert graph.list_owned_initializers() == {"first.MatMul": ["w"], "second.MatMul": ["v"]}


def test_further_outputs(graph: OnnxGraph) -> None:
    results = run(graph.with_outputs(["a", "y"]), X)
    assert np.allclose(results["a"], A, atol=1e-5)
    assert np.allclose(results["y"], Y, atol=1e-5)


def test_fed_in_the_place_of_a_node(graph: OnnxGraph) -> None:
    fed = np.array([[1, -1, 2]], np.float32)
    model = graph.without_nodes([graph.nodes[0]], {"a": fed}, ["a" + OWN_SUFFIX])
    results = run(model, {**X, "a": fed})
    assert np.allclose(results["y"], np.maximum(fed, 0) @ WEIGHTS["v"].T, atol=1e-5)
    assert np.allclose(results["a" + OWN_SUFFIX], A, atol=1e-5)


def test_one_node_alone(graph: OnnxGraph) -> None:
    feeds = {"x": np.array([[0, 1, 0]], np.float32)}
    results = run(graph.isolate_node(graph.nodes[0], feeds), feeds)
    assert np.allclose(results["a"], WEIGHTS["w"][1])


def test_two_nodes_of_one_name_have_two_paths(tmp_path: Path) -> None:
    nodes = [("Relu", ["x"], ["a"], "/act"), ("Relu", ["a"], ["b"], "/act")]
    graph = read_graph(write_graph(tmp_path / "m.onnx", nodes, {}))
    assert [node.path for node in graph.nodes] == ["act", "act.2"]


def test_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(CheckpointError):
        read_graph(tmp_path / "m.onnx")
