"""What other comparers pass in silence on a HiFi-GAN-shaped generator; each must be said here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.finding import Finding
from auscult.rules.diff.subject import DiffSubject
from auscult.verbs.diff.diff import build_subject, diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint
from tests.rules.models import Arrays, hifigan, in_mlx_layout, weight_normed


def against(candidate: Arrays, reference: Arrays) -> Report:
    return diff(Checkpoint.of(reference, "a"), Checkpoint.of(candidate, "b"))


def only(report: Report, cause: str) -> Finding:
    assert [finding.cause for finding in report.findings] == [cause]
    return report.findings[0]


def buckets(report: Report) -> dict[str, float]:
    assert report.coverage is not None
    return {name: count for name, count in report.coverage.buckets.items() if count}


def test_the_model_has_156_tensors() -> None:
    assert len(hifigan()) == 156


def test_identical_files_pass() -> None:
    report = against(hifigan(), hifigan())
    assert report.verdict is Verdict.PASS
    assert report.findings == ()
    assert buckets(report) == {"identical": 156}


def test_two_convolutions_swapped_is_not_identical() -> None:
    good = hifigan()
    pair = ("resblocks.0.convs1.0.weight", "resblocks.0.convs1.2.weight")
    bad = good | {pair[0]: good[pair[1]], pair[1]: good[pair[0]]}
    report = against(bad, good)
    assert report.verdict is Verdict.DIVERGENT
    assert set(only(report, "swapped").where) == set(pair)


def test_mlx_layout_is_equal_after_78_permutations() -> None:
    good = hifigan()
    report = against(in_mlx_layout(good), good)
    assert report.verdict is Verdict.EQUIVALENT
    assert buckets(report) == {"identical": 78, "equivalent": 78}
    assert {finding.cause: finding.count for finding in report.findings} == {
        "layout-conv1d": 74,
        "layout-conv-transpose1d": 4,
    }
    assert all(finding.evidence["confirmed_on"] == "values" for finding in report.findings)


def test_a_prefix_is_said() -> None:
    good = hifigan()
    report = against({f"generator.{name}": array for name, array in good.items()}, good)
    assert report.verdict is Verdict.EQUIVALENT
    finding = only(report, "prefix")
    assert finding.count == 156
    assert finding.evidence == {"prefix_a": "", "prefix_b": "generator.", "loaded_as_is": 0}


def test_weight_norm_against_fused_is_explained() -> None:
    apart, fused = weight_normed(hifigan())
    report = against(apart, fused)
    assert len(apart) == 234
    assert report.verdict is Verdict.EQUIVALENT
    assert only(report, "weight-norm-unfused").count == 156


def test_a_nested_pth_has_its_parameters(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    good = hifigan()
    torch.save(
        {"generator": {name: torch.from_numpy(array) for name, array in good.items()}, "steps": 1},
        tmp_path / "g.pth",
    )
    save_file(good, tmp_path / "g.safetensors")
    report = diff(tmp_path / "g.safetensors", tmp_path / "g.pth")
    assert report.verdict is Verdict.PASS
    assert buckets(report) == {"identical": 156}
    assert only(report, "wrapped").evidence["container"] == ["generator"]


def test_shape_alone_does_not_decide_the_layout() -> None:
    """Of HiFi-GAN's convolutions in MLX layout, `shape[1] < shape[2]` calls most "not MLX"; here all 78 are decided rightly."""
    good = hifigan()
    mlx = in_mlx_layout(good)
    weights = [
        name for name, array in mlx.items() if array.ndim == 3 and not name.startswith("ups.")
    ]
    misjudged = [name for name in weights if not mlx[name].shape[1] < mlx[name].shape[2]]
    assert misjudged
    subject = build_subject(Checkpoint.of(good, "a"), Checkpoint.of(mlx, "b"), None)
    assert isinstance(subject, DiffSubject)
    axes = {layer.match.b[0]: layer.axes for layer in subject.layers}
    assert all(axes[name] == (0, 2, 1) for name in weights)
    assert all(axes[f"ups.{stage}.weight"] == (1, 2, 0) for stage in range(4))


def test_an_empty_side_is_an_error_and_no_pass() -> None:
    from auscult.errors import CheckpointError

    with pytest.raises(CheckpointError, match="holds no tensors"):
        against({}, hifigan())


def test_equal_biases_in_any_order_are_no_swap() -> None:
    good = hifigan()
    zero = {
        name: np.zeros_like(array) if name.endswith("bias") else array
        for name, array in good.items()
    }
    assert against(dict(reversed(zero.items())), zero).verdict is Verdict.PASS
