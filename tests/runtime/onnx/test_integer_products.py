"""Products of matrices computed again from their integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from auscult.runtime.runner import make_runner

pytest.importorskip("onnx")
quantization = pytest.importorskip("onnxruntime.quantization")
X = {"input": np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)}


def test_products_of_a_reduced_range_are_exact(tmp_path: Path) -> None:
    torch.manual_seed(0)
    paths = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    model = nn.Sequential(nn.Linear(32, 16, bias=False)).eval()
    inputs = (torch.from_numpy(X["input"]),)
    torch.onnx.export(model, inputs, str(paths[0]), dynamo=False, opset_version=17)
    quantization.quantize_dynamic(
        *map(str, paths), weight_type=quantization.QuantType.QInt8, reduce_range=True
    )
    errors = make_runner(str(paths[1])).measure_product_errors(X)  # type: ignore[attr-defined]
    assert list(errors.values()) == [0.0]
