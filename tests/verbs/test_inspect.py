"""`inspect` as a library call: facts, health findings, and what it must not say of healthy files."""

from __future__ import annotations

import pickle
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from auscult.errors import CheckpointError, UsageError
from auscult.finding import Severity
from auscult.report._formats import render_report
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint, Container, Hazard, Quantization, Tensor
from corpus.networks import NETWORKS, build_vocoder, draw_trained_weights, iter_networks
from tests.families import published

Arrays = dict[str, NDArray[Any]]


def of(arrays: Arrays, **options: Any) -> Report:
    return inspect(Checkpoint.of(arrays), **options)


def facts(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = report.extra["checkpoint"]
    return found


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def published_weights(name: str) -> Arrays:
    """A published model's tensors with trained-looking values."""
    rng = np.random.default_rng(0)
    kinds = {0: "counter", 1: "bias"}
    shapes = published.shapes(name).items()
    return {
        key: draw_trained_weights(shape, kinds.get(len(shape), "conv1d"), rng)  # type: ignore[arg-type]
        for key, shape in shapes
    }


@pytest.mark.parametrize("full", [False, True])
def test_trained_networks_raise_no_alarm(*, full: bool) -> None:
    alarms = []
    for network in iter_networks(3):
        report = of(network.weights, full=full)
        alarms += [
            (network.name, finding.code, finding.where)
            for finding in report.findings
            if finding.severity is not Severity.INFO
        ]
    assert alarms == []


def test_every_tensor_is_in_one_bucket() -> None:
    arrays = {
        "big.weight": draw_trained_weights((256, 200, 3), "conv1d", np.random.default_rng(0)),
        "empty": np.zeros((0, 3)),
        "one": np.ones(()),
    }
    report = of(arrays)
    assert report.coverage is not None
    assert report.coverage.buckets == {"read_whole": 2, "sampled": 1, "skipped": 0}
    assert of(arrays, full=True).coverage.buckets["read_whole"] == 3  # type: ignore[union-attr]


def test_facts_of_a_published_model() -> None:
    report = of(published_weights("hifigan_v1"))
    found = facts(report)
    assert (found["family"], found["variant"], found["layout"], found["parametrisation"]) == (
        "hifigan", "V1", "torch", "weight-norm-old",
    )  # fmt: skip
    assert found["hyperparameters"]["upsample_kernel_sizes"] in ([16, 16, 4, 4], (16, 16, 4, 4))
    assert "dilations" in found["undetermined"]
    assert (found["tensors"], found["parameters"], found["dtypes"]) == (
        234,
        13936130,
        {"float32": 234},
    )
    folded = [(row["path"], row["count"]) for row in found["modules"]]
    assert ("resblocks.0.convs{1..2}.{0..2}", 6) in folded
    assert sum(row["parameters"] for row in found["modules"]) == found["parameters"]
    assert sum(row["count"] * len(row["tensors"]) for row in found["modules"]) == 234


def test_the_nearest_family_comes_with_what_is_missing() -> None:
    arrays = {
        name: array
        for name, array in published_weights("hifigan_v1").items()
        if "convs2" not in name
    }
    found = facts(of(arrays))
    assert found["nearest"][0]["missing_evidence"]


class TestUntrained:
    """CKP051."""

    @staticmethod
    def planted(seed: int, make: Any) -> tuple[Report, str]:
        network = build_vocoder(seed, 64)
        name = sorted(
            name for name, array in network.weights.items() if array.ndim > 1 and array.size >= 4096
        )[seed % 5]
        rng, shape = np.random.default_rng(seed), network.weights[name].shape
        network.weights[name] = make(rng, shape).astype(np.float32)
        bias, bound = name.removesuffix("weight") + "bias", 1 / np.sqrt(np.prod(shape[1:]))
        network.weights[bias] = rng.uniform(-bound, bound, network.weights[bias].shape).astype(
            np.float32
        )  # as torch leaves it
        return of(network.weights), name

    @pytest.mark.parametrize("seed", range(5))
    def test_a_normal_weight_beside_a_trained_bias_is_trained(self, seed: int) -> None:
        """Short training leaves normal weights normal, and one of the known scales is near by chance."""
        network = build_vocoder(seed, 64)
        name = next(
            name for name, array in network.weights.items() if array.ndim > 1 and array.size >= 4096
        )
        fan_in = np.prod(network.weights[name].shape[1:])
        draws = np.random.default_rng(seed).normal(
            0, np.sqrt(2 / fan_in), network.weights[name].shape
        )
        network.weights[name] = draws.astype(np.float32)
        assert codes(of(network.weights)) == []

    def test_the_bundled_trained_vocoder_is_healthy(self) -> None:
        with resources.as_file(resources.files("auscult.data") / "vocoder.pth") as path:
            assert codes(inspect(path, full=True)) == ["CKP055"]

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("kind", ["torch default", "HiFi-GAN", "zero"])
    def test_one_fresh_layer_among_trained_ones(self, kind: str, seed: int) -> None:
        def make(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
            bound = 1 / np.sqrt(np.prod(shape[1:]))
            draws = {
                "torch default": rng.uniform(-bound, bound, shape),
                "HiFi-GAN": rng.normal(0, 0.01, shape),
                "zero": np.zeros(shape),
            }
            return draws[kind]

        report, name = self.planted(seed, make)
        assert codes(report) == ["CKP051"]
        assert report.findings[0].where == (name,)
        assert report.verdict is Verdict.DIVERGENT

    def test_a_file_that_was_never_trained(self) -> None:
        rng = np.random.default_rng(0)
        arrays: Arrays = {
            f"layers.{i}.weight": rng.uniform(-0.05, 0.05, (64, 64)).astype(np.float32)
            for i in range(6)
        }
        report = of(arrays)
        assert codes(report) == ["CKP051"]
        assert "all of the 6 weights" in report.findings[0].message
        assert (report.findings[0].severity, report.verdict) == (Severity.WARNING, Verdict.PASS)

    @pytest.mark.parametrize("is_zero", [True, False])
    def test_quantised_weights_are_judged_too(self, is_zero: bool) -> None:
        """Half of a file that was never written: the codes of its last weights are zeros."""
        rng = np.random.default_rng(0)
        codes_of = {
            f"layers.{index}.weight": rng.integers(-127, 128, (64, 64)).astype(np.int8)
            for index in range(6)
        }
        if is_zero:
            codes_of["layers.5.weight"][:] = 0
        grid = Quantization(np.array([0.01], np.float32), np.zeros(1, np.int64))
        tensors = {
            name: replace(Tensor.of(name, array), quantization=grid)
            for name, array in codes_of.items()
        }
        report = inspect(Checkpoint("memory", "memory", tensors))
        assert codes(report) == (["CKP051"] if is_zero else [])
        assert report.verdict is (Verdict.DIVERGENT if is_zero else Verdict.PASS)

    def test_zeros_beside_small_tensors_with_values_are_no_fresh_model(self) -> None:
        rng = np.random.default_rng(0)
        arrays: Arrays = {
            "a.weight": np.zeros((64, 64), np.float32),
            "b.weight": rng.standard_normal((8, 8)).astype(np.float32),
        }
        report = of(arrays)
        assert report.verdict is Verdict.DIVERGENT
        assert report.findings[0].where == ("a.weight",)

    def test_a_norm_that_never_moved(self) -> None:
        network = build_vocoder(0)
        network.weights |= {
            "norm.weight": np.ones(32, np.float32),
            "norm.bias": np.zeros(32, np.float32),
        }
        report = of(network.weights)
        assert (codes(report), report.findings[0].where) == (
            ["CKP051"],
            ("norm.weight", "norm.bias"),
        )
        assert report.findings[0].severity is Severity.WARNING

    def test_zero_biases_are_no_finding(self) -> None:
        network = build_vocoder(0)
        zeroed = {
            name: np.zeros_like(array) if name.endswith("bias") else array
            for name, array in network.weights.items()
        }
        assert codes(of(zeroed)) == []


def test_non_finite() -> None:
    network = build_vocoder(0)
    network.weights["conv_pre.weight"][0, 0, :3] = np.nan
    network.weights["attn_mask"] = np.full((4, 4), -np.inf, np.float32)
    report = of(network.weights)
    assert [(finding.code, finding.where, finding.severity) for finding in report.findings] == [
        ("CKP050", ("conv_pre.weight",), Severity.ERROR),
        ("CKP050", ("attn_mask",), Severity.WARNING),
    ]
    assert report.findings[0].evidence["nan"] == 3
    assert report.verdict is Verdict.DIVERGENT


def test_one_nan_in_a_large_tensor_is_found_by_a_full_read() -> None:
    array = draw_trained_weights((512, 512, 3), "conv1d", np.random.default_rng(0))
    array[300, 100, 1] = np.nan
    assert codes(of({"w.weight": array}, full=True)) == ["CKP050"]
    assert (
        facts(of({"w.weight": array}))["health"]["share_seen"] < 0.02
    )  # and a sample does not claim to have looked


def test_a_flipped_exponent_bit() -> None:
    network = build_vocoder(0)
    weight = network.weights["ups.0.weight"]
    bits = weight.reshape(-1).view(np.uint32)
    bits[np.argmax(np.abs(weight))] ^= 1 << 30
    report = of(network.weights, full=True)
    assert codes(report) == ["CKP053"], (weight.min(), weight.max())
    assert report.findings[0].where == ("ups.0.weight",)


def test_dead_channels() -> None:
    network = build_vocoder(0)
    network.weights["ups.0.weight"][[1, 3]] = 0
    report = of(network.weights, full=True)
    assert codes(report) == ["CKP052"]
    assert report.findings[0].evidence["ups.0.weight"] == {"dead": [1, 3], "of": 32}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "name",
    [
        n
        for n in ("hifigan_v1", "bigvgan_base_24khz_100band", "streamspeech_codehifigan")
        if n in published.names()
    ],
)
def test_one_layer_in_another_layout(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays: Arrays = {key: np.zeros((), np.float32) for key in published.shapes(name)}
    arrays = {
        key: np.broadcast_to(np.float32(0.1), shape)
        for key, shape in published.shapes(name).items()
    }
    square = [
        key
        for key, array in arrays.items()
        if array.ndim == 3 and array.shape[0] == array.shape[1] > array.shape[2] > 1
    ]
    odd = square[int(rng.integers(len(square)))]
    arrays[odd] = arrays[odd].transpose(0, 2, 1)
    found = [finding for finding in of(arrays).findings if finding.code == "CKP056"]
    assert [finding.where for finding in found] == [(odd,)]


def test_hazards_and_containers() -> None:
    arrays = build_vocoder(0).weights
    hazards = (
        Hazard("os.system", "data.pkl:12", calls=True),
        Hazard("argparse.Namespace", "data.pkl:90", calls=False),
    )
    containers = (
        Container(("model", "g"), "model", len(arrays), 1),
        Container(("opt",), "optimizer", 3, 9),
    )
    report = inspect(
        Checkpoint.of(
            arrays,
            hazards=hazards,
            container=("model", "g"),
            containers=containers,
            loading_code='torch.load(path)["model"]["g"]',
        )
    )
    assert codes(report) == ["CKP054", "CKP054", "CKP055"]
    assert report.verdict is Verdict.DIVERGENT
    assert 'model.load_state_dict(torch.load(path)["model"]["g"])' in str(report.findings[2].fix)
    assert [entry["chosen"] for entry in facts(report)["containers"]] == [True, False]


class _CallsPrint:
    """Unpickled, it would print a line."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("a line",)


def test_code_without_tensors_is_named_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "code.pkl").write_bytes(pickle.dumps({"epoch": 3, "args": _CallsPrint()}))
    report = inspect(tmp_path / "code.pkl")
    assert report.verdict is Verdict.DIVERGENT
    assert codes(report) == ["CKP054"]
    assert "would call builtins.print" in report.findings[0].message
    assert "no weights" in str(report.findings[0].fix)
    with pytest.raises(CheckpointError, match=r"holds no tensors, but code.*call builtins\.print"):
        diff(tmp_path / "code.pkl", {"a": np.ones(3, np.float32)})
    assert "a line" not in capsys.readouterr().out


def test_plain_values_without_tensors_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"epoch": 3, "args": {"lr": 0.1}}))
    with pytest.raises(CheckpointError, match="holds no tensors") as raised:
        inspect(tmp_path / "plain.pkl")
    assert "code" not in str(raised.value)


def test_tensor_list_and_histograms() -> None:
    arrays = {"a.weight": np.linspace(-1, 1, 2400).reshape(40, 60), "a.bias": np.zeros(3)}
    found = facts(of(arrays, tensors=True, histogram=("*.weight",)))
    assert [row["name"] for row in found["tensor_list"]] == ["a.weight", "a.bias"]
    assert found["histograms"]["a.weight"]["counts"] == [100] * 24
    with pytest.raises(UsageError, match="no tensor has such a name"):
        of(arrays, histogram=("x*",))


def test_progress_is_told_of_a_full_read() -> None:
    told: list[tuple[int, int, str]] = []
    of(
        {"a": np.ones((20, 30)), "b": np.ones(10)},
        full=True,
        progress=lambda *step: told.append(step),
    )
    assert told == [(600, 610, "reading"), (610, 610, "reading")]


def test_a_tensor_that_cannot_be_read_is_a_skip() -> None:
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        net = torch.nn.Linear(3, 4)
    report = inspect(net)
    assert report.coverage is not None
    assert report.coverage.buckets == {"read_whole": 0, "sampled": 0, "skipped": 2}
    assert "has no elements" in report.skips[0].reason


def test_fresh_code_is_information(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    report = inspect(
        torch.nn.Sequential(torch.nn.Conv1d(32, 64, 7), torch.nn.ConvTranspose1d(64, 32, 8))
    )
    assert (codes(report), report.findings[0].severity) == (["CKP051"], Severity.INFO)
    assert facts(report)["modules"][0]["type"] == "Conv1d"


def test_no_file() -> None:
    with pytest.raises(CheckpointError):
        inspect("no-such-file.pth")


def test_all_networks_are_covered() -> None:
    assert len(NETWORKS) >= 5


def test_quantised_weights_are_said(tmp_path: Path) -> None:
    """4 bits in groups of 64, and beside them a weight of plain numbers."""
    codes = np.random.default_rng(0).integers(0, 2**32, (64, 32), np.uint32)
    scale = np.full((64, 4), 0.01, np.float32)
    plain = draw_trained_weights((64, 32), "linear", np.random.default_rng(1))
    parts: Arrays = {
        "a.weight": codes, "a.scales": scale, "a.biases": -8 * scale, "b.weight": plain,
    }  # fmt: skip
    save_file(parts, tmp_path / "q.safetensors")
    report = inspect(tmp_path / "q.safetensors", tensors=True)
    [kind] = facts(report)["quantised"]
    assert kind == {
        "storage": "4-bit, group 64 (MLX affine)",
        "scheme": "MLX affine",
        "bits": 4,
        "group": 64,
        "tensors": 1,
    }
    rows = {row["name"]: row.get("storage") for row in facts(report)["tensor_list"]}
    assert rows == {"a.weight": kind["storage"], "b.weight": None}
    text = render_report(report, "text")
    assert "; 1 weight 4-bit, group 64 (MLX affine)" in text
    assert "weight 64×256 4-bit, group 64" in text
    assert "quantised" not in facts(of({"b.weight": plain}))
