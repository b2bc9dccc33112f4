"""What `diff`, `inspect` and `convert` say about models and files that other packages made: exports, quantisers, adapters."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.verbs.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

torch = pytest.importorskip("torch")
nn = torch.nn

Arrays = dict[str, Any]


def trained(module: Any, seed: int = 1) -> Any:
    """The module with weights that look trained: rows of unequal gain, low-rank structure, biases and norms off their start."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Any:
        return torch.randn(*shape, generator=random)

    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if name.endswith("num_batches_tracked"):
                tensor.fill_(12_345)
            elif name.endswith("running_var"):
                tensor.copy_(draw(*tensor.shape).abs() + 0.2)
            elif tensor.ndim < 2:
                tensor.add_(0.2 * draw(*tensor.shape))
            else:
                rows = tensor.reshape(tensor.shape[0], -1)
                low = draw(rows.shape[0], 3) @ draw(3, rows.shape[1]) / 2
                tensor.copy_(((rows + low * rows.std()) * draw(rows.shape[0], 1).mul(0.5).exp()).reshape(tensor.shape))
    return module.eval()


def arrays_of(module: Any) -> Arrays:
    return {name: tensor.detach().numpy().copy() for name, tensor in module.state_dict().items()}


def side(arrays: Arrays, path: str = "a") -> Checkpoint:
    return Checkpoint.of(arrays, path)


def causes(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings]


def worst(report: Report) -> str:
    return report.findings[0].severity.value if report.findings else "none"


def message(report: Report, cause: str) -> str:
    return next(finding.message for finding in report.findings if finding.cause == cause)


def exported(module: Any, example: Any, path: Path) -> Path:
    """An ONNX file made by torch's exporter."""
    pytest.importorskip("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (example,), str(path), dynamo=False, opset_version=17)
    return path


def saved(module: Any, path: Path) -> Path:
    torch.save(module.state_dict(), path)
    return path


class Convolutional(nn.Module):  # type: ignore[name-defined]
    """Convolutions with and without a bias, each with its BatchNorm, and a linear layer on top."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm1 = nn.Conv1d(8, 16, 3), nn.BatchNorm1d(16)
        self.second, self.norm2 = nn.Conv1d(16, 12, 3, bias=False), nn.BatchNorm1d(12)
        self.head = nn.Linear(12, 7)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.norm1(self.first(x))) ** 2 + 1e-3
        return self.head(self.norm2(self.second(x)).transpose(1, 2))


@pytest.mark.parametrize(
    ("make", "example"),
    [
        (lambda: nn.LSTM(12, 20, num_layers=2, bidirectional=True), (5, 1, 12)),
        (lambda: nn.LSTM(12, 20), (5, 1, 12)),
        (lambda: nn.GRU(12, 20, num_layers=2), (5, 1, 12)),
        (lambda: nn.GRU(12, 20, bidirectional=True), (5, 1, 12)),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False), (5, 1, 24)),
        (Convolutional, (1, 8, 20)),
    ],
    ids=["lstm-bidirectional", "lstm", "gru", "gru-bidirectional", "transformer", "conv-batch-norm"],
)
def test_an_onnx_export_is_its_own_checkpoint(make: Any, example: tuple[int, ...], tmp_path: Path) -> None:
    module = trained(make())
    graph = exported(module, torch.randn(*example), tmp_path / "model.onnx")
    report = diff(graph, saved(module, tmp_path / "model.pth"))
    assert report.verdict is Verdict.EQUIVALENT, causes(report)
    assert worst(report) != "error", causes(report)
    assert report.coverage is not None
    assert report.coverage.buckets["different"] == 0


def test_a_renamed_pattern_names_a_tensor_that_it_really_is(tmp_path: Path) -> None:
    module = trained(nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False))
    report = diff(exported(module, torch.randn(5, 1, 24), tmp_path / "m.onnx"), saved(module, tmp_path / "m.pth"))
    pairs = next(finding.evidence["patterns"] for finding in report.findings if finding.cause == "renamed")
    matched = {(entry.a[0], entry.b[0]) for entry in report.mapping}
    assert {tuple(pair) for pair in pairs} <= matched  # numbers that a graph gives in any order do not fold


def test_onnx_runtime_int8_is_the_same_model_rounded(tmp_path: Path) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    module = trained(Convolutional())
    graph = exported(module, torch.randn(1, 8, 20), tmp_path / "model.onnx")
    small = tmp_path / "int8.onnx"
    quantization.quantize_dynamic(str(graph), str(small), weight_type=quantization.QuantType.QInt8)
    report = diff(small, graph)
    assert report.verdict is Verdict.EQUIVALENT, causes(report)
    assert "lossy" in causes(report)
    assert worst(report) != "error"


@pytest.mark.parametrize("wide", [False, True], ids=["as-read", "cast-to-float32"])
def test_bfloat16_read_as_float16_against_a_float32_reference(wide: bool, tmp_path: Path) -> None:
    module = trained(Convolutional())
    misread = {
        name: value.bfloat16().view(torch.float16) if value.is_floating_point() else value
        for name, value in module.state_dict().items()
    }
    if wide:
        misread = {name: value.float() if value.is_floating_point() else value for name, value in misread.items()}
    torch.save(misread, tmp_path / "misread.pth")
    out = tmp_path / "out.safetensors"
    report = diff(tmp_path / "misread.pth", saved(module, tmp_path / "model.pth"))
    assert (causes(report)[0], report.verdict) == ("wrong-dtype", Verdict.DIVERGENT)
    assert report.findings[0].count == sum(value.is_floating_point() for value in misread.values())
    fixed = diff(tmp_path / "misread.pth", tmp_path / "model.pth", fix=out)
    assert fixed.verdict is Verdict.EQUIVALENT


def test_a_counter_of_batches_alone_is_no_divergence() -> None:
    arrays = arrays_of(trained(Convolutional()))
    other = {**arrays, "norm1.num_batches_tracked": np.array(7)}
    report = diff(side(other), side(arrays, "b"))
    assert (report.verdict, causes(report)) == (Verdict.EQUIVALENT, ["derived-buffer"])


def adapter(base: Arrays, names: list[str]) -> tuple[Arrays, Arrays]:
    """(factors under PEFT's names, the base with its adapted modules wrapped as PEFT wraps them)."""
    random = np.random.default_rng(3)
    factors, wrapped = {}, {}
    for name, value in base.items():
        module, _, leaf = name.rpartition(".")
        wrapped[f"base_model.model.{module}.base_layer.{leaf}" if f"{module}.weight" in names else f"base_model.model.{name}"] = (
            value
        )
        if name in names:
            rank_by_in = random.normal(size=(4, value.shape[1])).astype(np.float32)
            factors[f"base_model.model.{module}.lora_A.weight"] = rank_by_in
            factors[f"base_model.model.{module}.lora_B.weight"] = random.normal(size=(value.shape[0], 4)).astype(np.float32)
    return factors, wrapped


def test_a_lora_adapter_alone_is_called_one() -> None:
    base = arrays_of(trained(nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False)))
    factors, _ = adapter(base, ["layers.0.linear1.weight", "layers.1.linear1.weight"])
    report = diff(side(factors), side(base, "b"))
    assert causes(report) == ["lora-unmerged"]
    assert report.verdict is Verdict.DIVERGENT
    assert "2 pairs of LoRA factors (rank 4)" in report.findings[0].message
    assert "load the base model first" in (report.findings[0].fix.summary if report.findings[0].fix else "")


def test_lora_factors_beside_their_base_are_not_just_extra() -> None:
    base = arrays_of(trained(nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False)))
    factors, wrapped = adapter(base, ["layers.0.linear1.weight", "layers.1.linear1.weight"])
    report = diff(side({**wrapped, **factors}), side(base, "b"))
    assert causes(report)[0] == "lora-unmerged"
    assert "tensor-extra" not in causes(report)
    assert next(f for f in report.findings if f.cause == "lora-unmerged").count == len(factors)
