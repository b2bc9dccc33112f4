"""Both forms of a statically quantised graph as the float graph that they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from auscult.runtime.runner import make_runner
from auscult.weights import Array

pytest.importorskip("onnx")
quantization = pytest.importorskip("onnxruntime.quantization")
X = {"input": np.random.default_rng(0).normal(size=(1, 8, 20)).astype(np.float32)}


class Batches:
    """Two batches to calibrate on, in the form that ONNX Runtime asks for."""

    def __init__(self) -> None:
        self.left = [X, X]

    def get_next(self) -> dict[str, Array] | None:
        return self.left.pop() if self.left else None


def export(folder: Path) -> tuple[Path, Path]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(8, 12, 3), nn.ReLU(), nn.Conv1d(12, 4, 3)).eval()
    paths = folder / "float.onnx", folder / "int8.onnx"
    inputs = (torch.from_numpy(X["input"]),)
    torch.onnx.export(
        model, inputs, str(paths[0]), dynamo=False, opset_version=17, input_names=["input"]
    )
    return paths


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_the_float_graph_comes_back_with_the_relu_that_was_left_out(
    form: str, tmp_path: Path
) -> None:
    float_path, int8_path = export(tmp_path)
    quantization.quantize_static(
        str(float_path),
        str(int8_path),
        Batches(),
        quant_format=quantization.QuantFormat[form],
        reduce_range=True,
    )
    written = make_runner(str(int8_path))
    assert "Relu" not in {node.op for node in written.graph.nodes}  # type: ignore[attr-defined]
    undone: Any = written.without_quantisation()  # type: ignore[attr-defined]
    assert [node.op for node in undone.graph.nodes if node.op != "Identity"] == [
        "Conv",
        "Relu",
        "Conv",
    ]
    traces = [make_runner(str(float_path)).run(X), undone.run(X)]
    outputs: list[Any] = [trace.tensor(trace.find("", "output", 0)) for trace in traces]
    error = np.linalg.norm(outputs[1] - outputs[0]) / np.linalg.norm(outputs[0])
    assert 1e-4 < error < 0.02  # the weights are still rounded


def test_weights_that_are_stored_in_integers_alone_round_no_activation(tmp_path: Path) -> None:
    float_path, _ = export(tmp_path)
    assert make_runner(str(float_path)).without_quantisation() is None  # type: ignore[attr-defined]
