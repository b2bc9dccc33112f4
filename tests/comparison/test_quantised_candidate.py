"""Right int8 dynamic exports of ONNX Runtime, and true faults beside the quantisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from auscult.errors import TargetError
from auscult.runtime.onnx.runner import OnnxRunner
from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict
from auscult.weights import Array

pytest.importorskip("onnx")
quantization = pytest.importorskip("onnxruntime.quantization")


class Voice(nn.Module):
    """A convolution with batch norm, an LSTM and a projection."""

    def __init__(self, slope: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.slope = slope
        self.conv = nn.Conv1d(12, 24, 5, padding=2)
        self.norm = nn.BatchNorm1d(24)
        self.lstm = nn.LSTM(24, 16, batch_first=True)
        self.out = nn.Linear(16, 6)
        with torch.no_grad():
            self.norm.get_buffer("running_mean").normal_(0, 0.3)
            self.norm.get_buffer("running_var").uniform_(0.3, 2)
            self.out.bias.normal_(0, 0.3)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.leaky_relu(self.norm(self.conv(x)), self.slope)
        y: torch.Tensor = self.out(self.lstm(x.transpose(1, 2))[0])
        return y


X: Array = np.random.default_rng(0).normal(size=(1, 12, 30)).astype(np.float32)


def export_int8(model: Voice, folder: Path, *, reduce_range: bool = True) -> Path:
    """The model as ONNX Runtime quantises it; a reduced range does not saturate on any processor."""
    graph, small = folder / "float.onnx", folder / "int8.onnx"
    torch.onnx.export(model, (torch.from_numpy(X),), str(graph), dynamo=False, opset_version=17)
    quantization.quantize_dynamic(
        str(graph),
        str(small),
        weight_type=quantization.QuantType.QInt8,
        reduce_range=reduce_range,
    )
    return small


def run(candidate: Voice, folder: Path) -> Report:
    return compare(Voice(), export_int8(candidate, folder), inputs=X)


def test_a_right_int8_export_is_equivalent_and_its_rounding_is_said(tmp_path: Path) -> None:
    report = run(Voice(), tmp_path)
    floor = report.to_json()["floor"]["what"]
    assert report.verdict is Verdict.EQUIVALENT
    assert not [finding for finding in report.findings if finding.severity.value == "error"]
    assert "4 of 4 quantised weights are the reference's within half a step" in floor
    assert "activations" in floor


def test_a_bias_dropped_beside_the_quantisation(tmp_path: Path) -> None:
    silent = Voice()
    with torch.no_grad():
        silent.out.bias.zero_()
    report = run(silent, tmp_path)
    assert report.verdict is Verdict.DIVERGENT
    assert [(f.cause, f.where) for f in report.findings if f.severity.value == "error"] == [
        ("bias-missing", ("out",))
    ]


def test_another_slope_beside_the_quantisation(tmp_path: Path) -> None:
    report = run(Voice(0.3), tmp_path)
    assert report.verdict is Verdict.DIVERGENT
    assert "leaky-slope" in [finding.cause for finding in report.findings]


def test_other_weights_are_not_the_reference_s_rounded(tmp_path: Path) -> None:
    other = Voice()
    nn.init.normal_(other.out.weight, std=0.2)
    report = run(other, tmp_path)
    assert report.verdict is Verdict.DIVERGENT
    assert "3 of 4 quantised weights" in report.to_json()["floor"]["what"]


class Batches:
    """The input, to calibrate on, in the form that ONNX Runtime asks for."""

    def __init__(self) -> None:
        self.left = [{"x": X}]

    def get_next(self) -> dict[str, Array] | None:
        return self.left.pop() if self.left else None


def run_static(candidate: nn.Module, folder: Path, form: str, *, per_channel: bool) -> Report:
    graph, small = folder / "float.onnx", folder / "int8.onnx"
    inputs = (torch.from_numpy(X),)
    torch.onnx.export(
        candidate, inputs, str(graph), dynamo=False, opset_version=17, input_names=["x"]
    )
    quantization.quantize_static(
        str(graph),
        str(small),
        Batches(),
        quant_format=quantization.QuantFormat[form],
        per_channel=per_channel,
        reduce_range=True,
    )
    return compare(Convolutions(), small, inputs=X)


class Convolutions(nn.Module):
    """Convolutions with a batch norm, ReLUs and a projection: what static quantisation takes."""

    def __init__(self, slope: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.slope = slope
        self.conv = nn.Conv1d(12, 24, 5, padding=2)
        self.norm = nn.BatchNorm1d(24)
        self.up = nn.ConvTranspose1d(24, 16, 4, 2, 1)
        self.mid = nn.Conv1d(16, 16, 3, padding=1)
        self.out = nn.Linear(16, 6)
        with torch.no_grad():
            self.norm.get_buffer("running_mean").normal_(0, 0.3)
            self.norm.get_buffer("running_var").uniform_(0.3, 2)
            self.out.bias.normal_(0, 0.3)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.leaky_relu(self.norm(self.conv(x)), self.slope)
        x = torch.relu(self.up(x))
        x = torch.relu(x + torch.tanh(self.mid(x)))
        y: torch.Tensor = self.out(x.transpose(1, 2))
        return y


@pytest.mark.parametrize(("form", "per_channel"), [("QDQ", True), ("QOperator", False)])
def test_static_exports_and_faults_beside_the_quantisation(
    form: str, per_channel: bool, tmp_path: Path
) -> None:
    right = run_static(Convolutions(), tmp_path, form, per_channel=per_channel)
    assert right.verdict is Verdict.EQUIVALENT
    assert not [finding for finding in right.findings if finding.severity.value == "error"]
    silent = Convolutions(0.2)
    with torch.no_grad():
        silent.out.bias.zero_()
    report = run_static(silent, tmp_path, form, per_channel=per_channel)
    assert report.verdict is Verdict.DIVERGENT
    named = {(f.cause, f.where) for f in report.findings if f.severity.value == "error"}
    assert named == {("leaky-slope", ("up",)), ("bias-missing", ("out",))}


def test_a_float_model_that_cannot_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TargetError("cannot be undone", where="the graph")

    monkeypatch.setattr(OnnxRunner, "without_quantisation", fail)
    report = run(Voice(), tmp_path)
    reasons = [skip.reason for skip in report.skips if skip.where == "quantisation"]
    assert len(reasons) == 1
    assert "compared as it is" in reasons[0]
    assert "cannot be undone" in reasons[0]
