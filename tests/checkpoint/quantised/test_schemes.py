"""Each scheme: the weight comes back within its bound, another training does not pass for it, damage is named."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.errors import CheckpointError
from auscult.verbs.convert.convert import convert
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict

sys.path.insert(0, str(Path(__file__).parent))
from packers import PACKERS, pack_bnb_nf4  # type: ignore[import-not-found]


def draw_weight(seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((64, 256)) * rng.uniform(0.5, 2, (64, 1))).astype(np.float32)


def save_pair(folder: Path, kind: str, packed_seed: int) -> tuple[Path, Path]:
    """The float weight of seed 0, and the packed one of a seed."""
    original, packed = folder / "float.safetensors", folder / "packed.safetensors"
    parts = PACKERS[kind](draw_weight(packed_seed))
    kept = {name: array for name, array in parts.items() if name == "layer.bias"}
    save_file({"layer.weight": draw_weight(0), **kept}, original)
    save_file({name: np.ascontiguousarray(array) for name, array in parts.items()}, packed)
    return original, packed


@pytest.mark.parametrize("kind", PACKERS)
def test_a_quantised_weight_is_its_original(tmp_path: Path, kind: str) -> None:
    original, packed = save_pair(tmp_path, kind, 0)
    tensor = open_checkpoint(packed)["layer.weight"]
    assert isinstance(tensor.data, CodedWeight)
    assert tensor.shape == (64, 256)
    error = np.abs(tensor.numpy() - draw_weight(0))
    assert np.all(error <= tensor.data.bounds())
    np.testing.assert_array_equal(tensor.flat(700, 1100), tensor.numpy().reshape(-1)[700:1100])
    report = diff(original, packed)
    assert report.verdict is Verdict.EQUIVALENT
    assert not report.coverage or not report.coverage.buckets.get("only_in_b")


@pytest.mark.parametrize("kind", PACKERS)
def test_another_training_is_not(tmp_path: Path, kind: str) -> None:
    original, packed = save_pair(tmp_path, kind, 1)
    assert diff(original, packed).verdict is Verdict.DIVERGENT


@pytest.mark.parametrize("kind", PACKERS)
def test_one_row_of_zeros_is_not(tmp_path: Path, kind: str) -> None:
    """A row that a converter lost, which no figure over the whole tensor shows."""
    original, packed = save_pair(tmp_path, kind, 0)
    weight = draw_weight(0)
    weight[5] = 1e-4 * np.sign(weight[5])
    save_file(
        {name: np.ascontiguousarray(array) for name, array in PACKERS[kind](weight).items()}, packed
    )
    assert diff(original, packed).verdict is Verdict.DIVERGENT


def test_convert_writes_the_real_numbers(tmp_path: Path) -> None:
    _, packed = save_pair(tmp_path, "bnb_nf4", 0)
    target = tmp_path / "real.safetensors"
    assert convert(packed, target).verdict is not Verdict.ERROR
    np.testing.assert_array_equal(
        open_checkpoint(target)["layer.weight"].numpy(),
        open_checkpoint(packed)["layer.weight"].numpy(),
    )


def test_too_few_codes_are_an_error(tmp_path: Path) -> None:
    parts = pack_bnb_nf4(draw_weight(0))
    parts["layer.weight"] = parts["layer.weight"][:100]
    save_file(parts, tmp_path / "short.safetensors")
    with pytest.raises(CheckpointError, match="fewer 4-bit codes"):
        open_checkpoint(tmp_path / "short.safetensors")
