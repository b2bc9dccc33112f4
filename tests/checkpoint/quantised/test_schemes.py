"""Each scheme: the weight comes back within its bound, another training does not pass for it, damage is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ml_dtypes
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


CODES = np.arange(-64, 64, dtype=np.int8)
SCALES = np.linspace(0.5, 1.5, 128, dtype=np.float32)
NOT_QUANTISED: dict[str, dict[str, NDArray[np.generic]]] = {
    "a list of integers": {"weight": CODES, "weight_scale": SCALES[:1]},
    "a list with a number for each": {"weight": CODES, "weight_scale": SCALES},
    "a number for each code": {
        "weight": CODES.reshape(8, 16),
        "weight_scale": SCALES.reshape(8, 16),
    },
    "counts as scales": {"weight": CODES.reshape(8, 16), "weight_scale": np.arange(8)},
    "words with integers beside them": {
        "weight": np.ones((8, 8), np.uint32),
        "scales": np.ones((8, 1), np.int32),
        "biases": np.ones((8, 1), np.int32),
    },
    "no group": {
        "qweight": np.ones((8, 16), np.int32),
        "qzeros": np.ones((0, 2), np.int32),
        "scales": np.ones((0, 16), np.float32),
    },
    "a bias of nothing": {
        "weight._data._data": np.ones((8, 16), np.uint8),
        "weight._scale": np.ones((16, 1), np.float32),
        "weight._shift": np.ones((16, 1), np.float32),
        "bias": np.ones(0, np.float32),
    },
    "a bias that divides no group": {
        "weight._data._data": np.ones((8, 16), np.uint8),
        "weight._scale": np.ones((16, 1), np.float32),
        "weight._shift": np.ones((16, 1), np.float32),
        "bias": np.ones(7, np.float32),
    },
    "a shape that is none": {
        "weight_packed": np.ones((8, 2), np.int32),
        "weight_scale": np.ones((8, 1), np.float32),
        "weight_shape": np.array([np.nan, 16], np.float32),
    },
    "zero points of another grid": {
        "weight_packed": np.ones((8, 2), np.int32),
        "weight_scale": np.ones((8, 1), np.float32),
        "weight_shape": np.array([8, 16]),
        "weight_zero_point": np.ones((8, 5), np.int8),
    },
    "codes with a text that names no packing": {
        "W_q": np.ones((8, 16), np.uint8),
        "scale": np.ones((16, 1), np.float32),
        "zero": np.ones((16, 1), np.float32),
        "nbits": np.array(4),
        "group_size": np.array(16),
        "shape": np.array([8, 32]),
        "packing": np.frombuffer(b"5bit_u8", np.uint8),
    },
    "its name is another tensor's": {
        "_weight_qdata": CODES.reshape(8, 16),
        "_weight_scale": SCALES[:8, None],
        "weight": np.ones((8, 16), np.float32),
    },
}


@pytest.mark.parametrize("what", NOT_QUANTISED)
def test_what_only_looks_quantised_stays_as_it_is(tmp_path: Path, what: str) -> None:
    parts = {f"layer.{name}": array for name, array in NOT_QUANTISED[what].items()}
    save_file(
        {name: np.ascontiguousarray(part) for name, part in parts.items()},
        tmp_path / "a.safetensors",
    )
    found = open_checkpoint(tmp_path / "a.safetensors")
    assert set(found) == set(parts)
    for name, array in parts.items():
        np.testing.assert_array_equal(found[name].numpy(), array)


@pytest.mark.parametrize("shape", [[], [-4, -4], [float("inf")]])
def test_a_state_without_a_shape_leaves_the_bytes(tmp_path: Path, shape: list[float]) -> None:
    parts = pack_bnb_nf4(draw_weight(0))
    state = json.dumps({"blocksize": 64, "shape": shape}).encode()
    parts["layer.weight.quant_state.bitsandbytes__nf4"] = np.frombuffer(state, np.uint8).copy()
    save_file(parts, tmp_path / "a.safetensors")
    assert open_checkpoint(tmp_path / "a.safetensors")["layer.weight"].dtype == "uint8"


@pytest.mark.parametrize("part", ["absmax", "quant_map"])
def test_too_few_scales_are_an_error(tmp_path: Path, part: str) -> None:
    parts = pack_bnb_nf4(draw_weight(0))
    parts[f"layer.weight.{part}"] = parts[f"layer.weight.{part}"][:4].copy()
    save_file(parts, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="fewer numbers"):
        open_checkpoint(tmp_path / "a.safetensors")


def test_bytes_in_a_wider_type_are_the_same_weight(tmp_path: Path) -> None:
    """bitsandbytes' `quant_storage`, which FSDP asks for."""
    parts = pack_bnb_nf4(draw_weight(0))
    save_file(parts, tmp_path / "bytes.safetensors")
    parts["layer.weight"] = parts["layer.weight"].reshape(-1).view(np.float32)[:, None]
    save_file(parts, tmp_path / "wide.safetensors")
    narrow, wide = (
        open_checkpoint(tmp_path / f"{name}.safetensors")["layer.weight"]
        for name in ("bytes", "wide")
    )
    np.testing.assert_array_equal(wide.numpy(), narrow.numpy())
    np.testing.assert_array_equal(wide.flat(700, 1100), narrow.flat(700, 1100))


def test_codes_that_do_not_fill_their_shape_are_an_error(tmp_path: Path) -> None:
    parts = PACKERS["hqq_int4"](draw_weight(0))
    parts["layer.W_q"] = parts["layer.W_q"][:-1]
    arrays = {name: np.ascontiguousarray(array) for name, array in parts.items()}
    save_file(arrays, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="do not fill its shape"):
        open_checkpoint(tmp_path / "a.safetensors")


def test_a_group_without_a_scale_is_an_error(tmp_path: Path) -> None:
    parts = {
        "layer.qweight": np.ones((8, 16), np.int32),
        "layer.qzeros": np.ones((1, 2), np.int32),
        "layer.scales": np.ones((1, 16), np.float32),
        "layer.g_idx": np.full(64, 9, np.int32),
    }
    save_file(parts, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="groups that have no scale"):
        open_checkpoint(tmp_path / "a.safetensors")["layer.weight"].numpy()


def test_eight_bit_floats_with_a_scale_under_their_own_name_are_a_weight(tmp_path: Path) -> None:
    """As scripts write them that add `_scale` to a name; integers so named may be something else."""
    weight = draw_weight(0)
    scale = np.array([np.abs(weight).max() / 448], np.float32)
    parts = {
        "attn.in_proj_weight": (weight / scale).astype(ml_dtypes.float8_e4m3fn),
        "attn.in_proj_weight_scale": scale,
        "codebook": np.ones((8, 16), np.int8),
        "codebook_scale": np.ones(1, np.float32),
    }
    save_file(parts, tmp_path / "a.safetensors")
    found = open_checkpoint(tmp_path / "a.safetensors")
    assert set(found) == {"attn.in_proj_weight", "codebook", "codebook_scale"}
    error = np.abs(found["attn.in_proj_weight"].values() - weight)
    assert bool((error <= 2.0**-4 * np.abs(weight) + 2.0**-10 * scale).all())
