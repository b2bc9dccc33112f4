"""An int8 dynamic graph as the float graph that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from auscult.runtime.runner import make_runner

pytest.importorskip("onnx")
quantization = pytest.importorskip("onnxruntime.quantization")
X = {"input": np.random.default_rng(0).normal(size=(1, 8, 20)).astype(np.float32)}


def export(folder: Path) -> tuple[Path, Path]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(8, 12, 3), nn.ReLU(), nn.Conv1d(12, 4, 3)).eval()
    paths = folder / "float.onnx", folder / "int8.onnx"
    inputs = (torch.from_numpy(X["input"]),)
    torch.onnx.export(model, inputs, str(paths[0]), dynamo=False, opset_version=17)
    quantization.quantize_dynamic(*map(str, paths), weight_type=quantization.QuantType.QInt8)
    return paths


def test_the_operators_are_those_of_the_float_graph(tmp_path: Path) -> None:
    float_path, int8_path = export(tmp_path)
    undone = make_runner(str(int8_path)).without_quantisation()  # type: ignore[attr-defined]
    expected: Any = make_runner(str(float_path))
    assert undone.paths() == expected.paths()
    traces: tuple[Any, Any] = expected.run(X), undone.run(X)
    outputs: list[Any] = [trace.tensor(trace.find("", "output", 0)) for trace in traces]
    error = np.linalg.norm(outputs[1] - outputs[0]) / np.linalg.norm(outputs[0])
    assert 1e-4 < error < 0.02


def test_a_float_graph_has_nothing_to_undo(tmp_path: Path) -> None:
    float_path, _ = export(tmp_path)
    assert make_runner(str(float_path)).without_quantisation() is None  # type: ignore[attr-defined]
