"""Packed MLX weights against code with plain layers or other bits; the code that is quantised like the file is no alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict

mx = pytest.importorskip("mlx.core")
nn = pytest.importorskip("mlx.nn")
tree_flatten = pytest.importorskip("mlx.utils").tree_flatten


def build(seed: int, **bits: int) -> Any:
    """Two towers, each quantised to so many bits where that is given."""
    mx.random.seed(seed)
    model = nn.Module()
    model.audio = [nn.Linear(128, 64) for _ in range(2)]
    model.text = [nn.Linear(128, 64) for _ in range(2)]

    def choose(path: str, layer: Any) -> Any:
        tower = path.split(".", maxsplit=1)[0]
        return tower in bits and {"bits": bits[tower], "group_size": 64}

    if bits:
        nn.quantize(model, class_predicate=choose)
    return model


def compare(folder: Path, model: Any) -> Report:
    path = str(folder / "model.safetensors")
    mx.save_safetensors(path, dict(tree_flatten(build(0, audio=8, text=4).parameters())))
    return diff(path, model)


@pytest.mark.parametrize(
    ("bits", "count"), [({}, 4), ({"text": 4}, 2), ({"audio": 4, "text": 4}, 2)]
)
def test_layers_that_are_built_in_another_way(
    tmp_path: Path, bits: dict[str, int], count: int
) -> None:
    report = compare(tmp_path, build(1, **bits))
    finding = report.findings[0]
    assert (finding.cause, finding.count) == ("quantisation-differs", count)
    assert report.verdict is Verdict.DIVERGENT


def test_layers_that_are_built_like_the_file(tmp_path: Path) -> None:
    fresh = compare(tmp_path, build(1, audio=8, text=4))
    assert "quantisation-differs" not in [finding.cause for finding in fresh.findings]
    assert compare(tmp_path, build(0, audio=8, text=4)).verdict is Verdict.PASS


def test_weights_that_were_dequantised_on_loading_are_equal(tmp_path: Path) -> None:
    model = build(1)
    for tower, bits in (("audio", 8), ("text", 4)):
        for layer, source in zip(model[tower], build(0)[tower], strict=True):
            packed = mx.quantize(source.weight, group_size=64, bits=bits)
            layer.weight = mx.dequantize(*packed, group_size=64, bits=bits)
            layer.bias = source.bias
    report = compare(tmp_path, model)
    assert "quantisation-differs" not in [finding.cause for finding in report.findings]
    assert report.verdict in {Verdict.PASS, Verdict.EQUIVALENT}
