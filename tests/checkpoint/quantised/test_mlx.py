"""MLX's quantised weights, held against `mlx.core.dequantize` bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict

mx = pytest.importorskip("mlx.core")
nn = pytest.importorskip("mlx.nn")

AFFINE = [(bits, group) for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64)]


def draw_weight(seed: int = 0) -> NDArray[np.float32]:
    """[64, 256] of rows with unequal gains."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((64, 256)) * rng.uniform(0.2, 2, (64, 1))).astype(np.float32)


def save_quantised(
    path: Path, weight: NDArray[np.float32], dtype: str = "float32", **how: object
) -> NDArray[np.float32]:
    """Write `layer.weight`, `.scales` and, for affine codes, `.biases`; gives MLX's own values."""
    source = mx.array(weight).astype(getattr(mx, dtype))
    parts = mx.quantize(source, **how)
    names = ("layer.weight", "layer.scales", "layer.biases")
    mx.save_safetensors(str(path), dict(zip(names, parts, strict=False)))
    return np.array(mx.dequantize(*parts, **how).astype(mx.float32))


@pytest.mark.parametrize(("bits", "group"), AFFINE)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_affine_codes_are_the_float_weight(
    tmp_path: Path, bits: int, group: int, dtype: str
) -> None:
    path = tmp_path / "q.safetensors"
    weight = draw_weight()
    values = save_quantised(path, weight, dtype, bits=bits, group_size=group)
    (tmp_path / "config.json").write_text(
        f'{{"quantization": {{"bits": {bits}, "group_size": {group}}}}}'
    )
    tensor = open_checkpoint(path)["layer.weight"]
    assert isinstance(tensor.data, CodedWeight)
    assert (tensor.data.bits, tensor.data.group, tensor.shape) == (bits, group, (64, 256))
    if dtype == "float32":
        np.testing.assert_array_equal(tensor.numpy(), values)
    assert np.all(np.abs(tensor.numpy() - weight) <= tensor.data.bounds())
    original = {"layer.weight": weight}
    np.savez(tmp_path / "float.npz", **original)  # type: ignore[arg-type]
    assert diff(tmp_path / "float.npz", path).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize(
    ("mode", "bits", "group"), [("mxfp4", 4, 32), ("mxfp8", 8, 32), ("nvfp4", 4, 16)]
)
def test_float_codes_are_the_float_weight(tmp_path: Path, mode: str, bits: int, group: int) -> None:
    path = tmp_path / "q.safetensors"
    weight = draw_weight()
    values = save_quantised(path, weight, mode=mode, bits=bits, group_size=group)
    tensor = open_checkpoint(path)["layer.weight"]
    assert tensor.dtype == f"mlx_{mode}"
    np.testing.assert_array_equal(tensor.numpy(), values)
    np.savez(tmp_path / "float.npz", **{"layer.weight": weight})  # type: ignore[arg-type]
    assert diff(tmp_path / "float.npz", path).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_weights_of_another_training_are_not_equal(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "q.safetensors"
    save_quantised(path, draw_weight(0), bits=bits, group_size=64)
    np.savez(tmp_path / "float.npz", **{"layer.weight": draw_weight(1)})  # type: ignore[arg-type]
    assert diff(tmp_path / "float.npz", path).verdict is Verdict.DIVERGENT


def test_rows_are_decoded_alone(tmp_path: Path) -> None:
    path = tmp_path / "q.safetensors"
    values = save_quantised(path, draw_weight(), bits=3, group_size=64)
    tensor = open_checkpoint(path)["layer.weight"]
    np.testing.assert_array_equal(tensor.flat(1000, 1300), values.reshape(-1)[1000:1300])
