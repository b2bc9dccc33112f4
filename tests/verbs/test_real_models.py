"""What `diff`, `inspect` and `convert` say about models and files that other packages made: exports, quantisers, adapters."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from auscult.families import detect_families
from auscult.report.text import render
from auscult.verbs.convert.convert import convert
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint
from tests.rules.models import code

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
                tensor.copy_(
                    ((rows + low * rows.std()) * draw(rows.shape[0], 1).mul(0.5).exp()).reshape(
                        tensor.shape
                    )
                )
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
        (
            lambda: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False
            ),
            (5, 1, 24),
        ),
        (Convolutional, (1, 8, 20)),
    ],
    ids=[
        "lstm-bidirectional",
        "lstm",
        "gru",
        "gru-bidirectional",
        "transformer",
        "conv-batch-norm",
    ],
)
def test_an_onnx_export_is_its_own_checkpoint(
    make: Any, example: tuple[int, ...], tmp_path: Path
) -> None:
    module = trained(make())
    graph = exported(module, torch.randn(*example), tmp_path / "model.onnx")
    report = diff(graph, saved(module, tmp_path / "model.pth"))
    assert report.verdict is Verdict.EQUIVALENT, causes(report)
    assert worst(report) != "error", causes(report)
    assert report.coverage is not None
    assert report.coverage.buckets["different"] == 0


def test_a_renamed_pattern_names_a_tensor_that_it_really_is(tmp_path: Path) -> None:
    module = trained(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False)
    )
    report = diff(
        exported(module, torch.randn(5, 1, 24), tmp_path / "m.onnx"),
        saved(module, tmp_path / "m.pth"),
    )
    pairs = next(
        finding.evidence["patterns"] for finding in report.findings if finding.cause == "renamed"
    )
    matched = {(entry.a[0], entry.b[0]) for entry in report.mapping}
    assert {
        tuple(pair) for pair in pairs
    } <= matched  # numbers that a graph gives in any order do not fold


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
        misread = {
            name: value.float() if value.is_floating_point() else value
            for name, value in misread.items()
        }
    torch.save(misread, tmp_path / "misread.pth")
    out = tmp_path / "out.safetensors"
    report = diff(saved(module, tmp_path / "model.pth"), tmp_path / "misread.pth")
    assert (causes(report)[0], report.verdict) == ("wrong-dtype", Verdict.DIVERGENT)
    assert report.findings[0].count == sum(value.is_floating_point() for value in misread.values())
    fixed = diff(tmp_path / "model.pth", tmp_path / "misread.pth", fix=out)
    assert fixed.verdict is Verdict.EQUIVALENT


def test_a_counter_of_batches_alone_is_no_divergence() -> None:
    arrays = arrays_of(trained(Convolutional()))
    other = {**arrays, "norm1.num_batches_tracked": np.array(7)}
    report = diff(side(arrays), side(other, "b"))
    assert (report.verdict, causes(report)) == (Verdict.EQUIVALENT, ["derived-buffer"])


def adapter(base: Arrays, names: list[str]) -> tuple[Arrays, Arrays]:
    """(factors under PEFT's names, the base with its adapted modules wrapped as PEFT wraps them)."""
    random = np.random.default_rng(3)
    factors, wrapped = {}, {}
    for name, value in base.items():
        module, _, leaf = name.rpartition(".")
        wrapped[
            f"base_model.model.{module}.base_layer.{leaf}"
            if f"{module}.weight" in names
            else f"base_model.model.{name}"
        ] = value
        if name in names:
            rank_by_in = random.normal(size=(4, value.shape[1])).astype(np.float32)
            factors[f"base_model.model.{module}.lora_A.weight"] = rank_by_in
            factors[f"base_model.model.{module}.lora_B.weight"] = random.normal(
                size=(value.shape[0], 4)
            ).astype(np.float32)
    return factors, wrapped


def test_a_lora_adapter_alone_is_called_one() -> None:
    base = arrays_of(
        trained(
            nn.TransformerEncoder(
                nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False
            )
        )
    )
    factors, _ = adapter(base, ["layers.0.linear1.weight", "layers.1.linear1.weight"])
    report = diff(side(base), side(factors, "b"))
    assert causes(report) == ["lora-unmerged"]
    assert report.verdict is Verdict.DIVERGENT
    assert "2 pairs of LoRA factors (rank 4)" in report.findings[0].message
    assert "load the base model first" in (
        report.findings[0].fix.summary if report.findings[0].fix else ""
    )


def test_lora_factors_beside_their_base_are_not_just_extra() -> None:
    base = arrays_of(
        trained(
            nn.TransformerEncoder(
                nn.TransformerEncoderLayer(24, 4, 48), 2, enable_nested_tensor=False
            )
        )
    )
    factors, wrapped = adapter(base, ["layers.0.linear1.weight", "layers.1.linear1.weight"])
    report = diff(side(base), side({**wrapped, **factors}, "b"))
    assert causes(report)[0] == "lora-unmerged"
    assert "tensor-extra" not in causes(report)
    assert next(f for f in report.findings if f.cause == "lora-unmerged").count == len(factors)


def in_mlx_layout(arrays: Arrays) -> Arrays:
    """As MLX keeps it; `up` is transposed."""

    def moved(name: str, value: Any) -> Any:
        axes = (1, 2, 0) if "up" in name else (0, 2, 1)
        return np.ascontiguousarray(value.transpose(axes)) if value.ndim == 3 else value

    return {name: moved(name, value) for name, value in arrays.items()}


def vocoder(seed: int = 1) -> Arrays:
    torch.manual_seed(seed)
    layers = nn.ModuleDict(
        {
            f"conv{index}": nn.Conv1d(12, 12 + 4 * (index == 3), 3 + 2 * (index % 3))
            for index in range(4)
        }
    )
    layers["up"] = nn.ConvTranspose1d(16, 10, 8)
    layers["post"] = nn.Conv1d(10, 5, 7)
    return arrays_of(trained(layers, seed))


def tuned(arrays: Arrays, amount: float = 0.03) -> Arrays:
    random = np.random.default_rng(7)
    return {
        name: (v + amount * v.std() * random.normal(size=v.shape)).astype(v.dtype)
        for name, v in arrays.items()
    }


def test_a_fine_tuned_copy_is_called_one_and_by_how_much() -> None:
    arrays = vocoder()
    report = diff(side(arrays), side(tuned(arrays), "b"))
    assert causes(report) == ["other-weights"]
    assert "fine-tuned" in report.findings[0].message
    assert report.findings[0].evidence["median_change"] == pytest.approx(0.03, rel=0.3)


@pytest.mark.parametrize(
    "other", [tuned(vocoder()), vocoder(9)], ids=["fine-tuned", "another-training"]
)
def test_other_weights_in_another_layout_are_both(other: Arrays) -> None:
    report = diff(side(vocoder()), side(in_mlx_layout(other), "b"))
    assert set(causes(report)) == {"other-weights", "layout-conv1d", "layout-conv-transpose1d"}
    assert next(f for f in report.findings if f.cause == "other-weights").count == len(other)


def test_one_convolution_in_torchs_order_is_found_in_a_fine_tuned_mlx_copy() -> None:
    arrays = vocoder()
    mixed = in_mlx_layout(tuned(arrays))
    mixed["conv1.weight"] = np.ascontiguousarray(mixed["conv1.weight"].transpose(0, 2, 1))
    report = diff(side(arrays), side(mixed, "b"))
    assert (report.findings[0].cause, report.findings[0].where) == (
        "layout-mixed",
        ("conv1.weight",),
    )


def test_a_real_tensor_against_a_complex_one_is_a_difference() -> None:
    a, b = np.arange(8, dtype=np.float32), np.arange(8) * np.complex64(1j)
    assert diff(side({"x": b}), side({"x": a}, "b")).verdict is Verdict.DIVERGENT


@pytest.mark.parametrize(("bits", "group"), [(4, 64), (8, 64), (4, 32), (8, 32)])
@pytest.mark.parametrize("declared", [True, False])
def test_weights_that_mlx_quantised_are_one_tensor(
    bits: int, group: int, declared: bool, tmp_path: Path
) -> None:
    mx = pytest.importorskip("mlx.core")
    arrays = arrays_of(trained(nn.Sequential(nn.Linear(128, 48), nn.Linear(48, 5))))
    packed, scales, biases = mx.quantize(mx.array(arrays["0.weight"]), group_size=group, bits=bits)
    others = {name: mx.array(value) for name, value in arrays.items() if name != "0.weight"}
    place = tmp_path / "model.safetensors"
    mx.save_safetensors(
        str(place), {**others, "0.weight": packed, "0.scales": scales, "0.biases": biases}
    )
    if declared:
        (tmp_path / "config.json").write_text(
            f'{{"quantization": {{"group_size": {group}, "bits": {bits}}}}}'
        )
    report = diff(place, side(arrays, "b"))
    assert (report.verdict, causes(report)) == (Verdict.EQUIVALENT, ["lossy"])
    assert f"mlx_q{bits}" in report.findings[0].message
    convert(place, tmp_path / "out.safetensors")
    wide = mx.dequantize(packed, scales, biases, group_size=group, bits=bits)
    np.testing.assert_array_equal(
        load_file(tmp_path / "out.safetensors")["0.weight"], np.array(wide)
    )


def test_empty_convolutions_of_other_widths_are_not_alike() -> None:
    a, b = np.zeros((0, 1, 0), np.float32), np.zeros((0, 0, 0), np.float32)
    assert diff(side({"a": a}), code({"a": b})).verdict is not Verdict.PASS


def test_ema_weights_beside_the_raw_ones_are_named() -> None:
    arrays = vocoder()
    both = {f"model.{name}": value for name, value in arrays.items()} | {
        f"ema.{n}": v for n, v in tuned(arrays).items()
    }
    report = diff(side(arrays), side(both, "b"))
    assert f"{len(arrays)} of them are the model once more, ema.* beside model.*" in message(
        report, "tensor-extra"
    )


def test_an_ema_group_that_was_not_compared_is_named(tmp_path: Path) -> None:
    state = {name: torch.from_numpy(value) for name, value in vocoder().items()}
    torch.save(
        {"model": state, "ema": {name: value * 0.9 for name, value in state.items()}},
        tmp_path / "both.pth",
    )
    torch.save(state, tmp_path / "model.pth")
    report = diff(tmp_path / "both.pth", tmp_path / "model.pth")
    wrapped = report.findings[0]
    assert 'not compared: ["ema"] (ema)' in wrapped.message
    assert wrapped.settled_by is not None
    assert "--container '[\"ema\"]'" in wrapped.settled_by


def test_what_weights_leave_open_names_a_command_that_works() -> None:
    """`diagnose --settle` needs a family that auscult runs, and a recording; anything else needs a reference to run beside."""
    arrays = vocoder()
    report = diff(side(arrays), code(arrays))
    settled = next(
        finding.settled_by
        for finding in report.findings
        if finding.cause == "undetermined-by-weights"
    )
    assert settled is not None
    assert settled.startswith("auscult compare REFERENCE model.py:build --inputs")


def test_transformers_hifigan_shows_its_upsampling_kernels() -> None:
    shapes = {
        **{
            "conv_pre.weight": (32, 20, 7),
            "conv_pre.bias": (32,),
            "conv_post.weight": (1, 8, 7),
            "conv_post.bias": (1,),
        },
        **{"upsampler.0.weight": (32, 16, 16), "upsampler.0.bias": (16,)},
        **{"upsampler.1.weight": (16, 8, 6), "upsampler.1.bias": (8,)},
    }
    for block, (width, kernel) in enumerate([(16, 3), (16, 5), (8, 3), (8, 5)]):
        for stem in ("convs1", "convs2"):
            for index in range(2):
                name = f"resblocks.{block}.{stem}.{index}"
                shapes |= {f"{name}.weight": (width, width, kernel), f"{name}.bias": (width,)}
    found = detect_families(shapes)[0]
    assert found.family == "hifigan"
    assert found.hyperparameters["upsample_kernel_sizes"] == (16, 6)


def test_one_convolution_against_one_is_no_certain_mixture() -> None:
    """wav2vec2's grouped positional convolution, whose kernel is as long as another layer has channels."""
    shapes = {
        "first.weight": (16, 1, 10),
        "second.weight": (16, 16, 3),
        "norm.weight": (16,),
        "positions.weight": (32, 8, 16),
    }
    random = np.random.default_rng(2)
    report = inspect(
        side(
            {name: random.laplace(size=shape).astype(np.float32) for name, shape in shapes.items()}
        )
    )
    assert [
        finding.severity.value for finding in report.findings if finding.cause == "layout-mixed"
    ] in ([], ["warning"])


def test_a_conversion_says_what_it_wrote(tmp_path: Path) -> None:
    torch.save(
        {name: torch.from_numpy(value) for name, value in vocoder().items()}, tmp_path / "a.pth"
    )
    text = render(convert(tmp_path / "a.pth", tmp_path / "b.safetensors", to="mlx"))
    assert f"wrote {tmp_path / 'b.safetensors'}: safetensors, 12 tensors" in text
    assert "changed: 6 permute" in text
    assert "proven: taken back, every tensor is the source's bit for bit" in text
    assert "nothing found" not in text


def test_a_missing_branch_is_missing_and_no_attention_too_many() -> None:
    module = nn.ModuleDict(
        {
            "decoder": nn.TransformerEncoder(
                nn.TransformerEncoderLayer(16, 2, 32), 2, enable_nested_tensor=False
            ),
            "tokenizer": nn.Sequential(nn.Conv1d(4, 16, 3), nn.TransformerEncoderLayer(16, 2, 32)),
        }
    )
    arrays = arrays_of(trained(module))
    report = diff(
        side(arrays),
        side({name: value for name, value in arrays.items() if name.startswith("decoder.")}, "b"),
    )
    assert causes(report)[0] == "tensor-missing"
    assert "modules-never-trained" not in causes(report)


def test_a_dozen_values_that_correlate_by_chance_show_no_layout() -> None:
    mine, other = vocoder(), vocoder(9)
    mine["up2.weight"] = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    noise = np.random.default_rng(4).normal(size=(2, 2, 3))
    other["up2.weight"] = (mine["up2.weight"].transpose(1, 0, 2) + 3 * noise).astype(np.float32)
    assert causes(diff(side(mine), side(other, "b"))) == ["other-weights"]
