"""ONNX is written beside nothing else, with its inputs in the order of the call."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx

from auscult.runtime.exports import onnx as onnx_form
from tests.runtime.exports.exported_network import MEL, make_network


def test_a_graph_is_written(tmp_path: Path) -> None:
    path = onnx_form.make_export(make_network(), [MEL], {}, tmp_path)
    graph = onnx.load(path).graph
    assert [node.name for node in graph.input] == ["input_0"]
    assert any("/up/" in node.name for node in graph.node)
