"""Every writer against the reader of the project that owns the format."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import deserialize
from safetensors.numpy import load as safetensors_load

from auscult.checkpoint.source import dtype_of
from auscult.checkpoint.writers import OutgoingTensor, TensorPiece, find_writer, iter_writers
from auscult.checkpoint.writers._sharded import plan_shards
from auscult.errors import RecipeError, UsageError
from auscult.weights import Array

PLAIN = (
    "float64",
    "float32",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
)
WIDE = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "uint16", "uint32", "uint64")


def tensors(*dtypes: str) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    result: dict[str, Array] = {}
    for dtype in dtypes:
        raw = rng.integers(0, 2 if dtype == "bool" else 100, 24)
        result[f"layer.{dtype}"] = raw.astype(dtype_of(dtype)).reshape(2, 3, 4)
        result[f"scalar.{dtype}"] = raw[:1].astype(dtype_of(dtype)).reshape(())
        result[f"empty.{dtype}"] = np.zeros((0, 3), dtype_of(dtype))
    result["naïve — ünïcode"] = np.arange(5, dtype=np.float32)
    return result


def outgoing(arrays: dict[str, Array]) -> list[OutgoingTensor]:
    return [
        OutgoingTensor(name, array.shape, array.dtype.name, array.nbytes)
        for name, array in arrays.items()
    ]


def pieces(arrays: dict[str, Array]) -> Iterator[TensorPiece]:
    for index, array in enumerate(arrays.values()):
        data = array.tobytes()
        for start in range(0, len(data), 10):  # several pieces for each tensor
            yield index, memoryview(data)[start : start + 10]


def written(suffix: str, arrays: dict[str, Array], metadata: dict[str, str] | None = None) -> bytes:
    writer = find_writer(Path("x" + suffix))
    listed = outgoing(arrays)
    writer.check(listed)
    out = io.BytesIO()
    writer.write(out, listed, pieces(arrays), metadata or {})
    return out.getvalue()


def same(found: Array, expected: Array) -> bool:
    return (found.shape, found.dtype.name, found.tobytes()) == (
        expected.shape,
        expected.dtype.name,
        expected.tobytes(),
    )


def test_safetensors_is_read_by_its_own_library() -> None:
    arrays = tensors(*PLAIN, *WIDE)
    data = written(".safetensors", arrays, {"format": "pt"})
    loaded = dict(deserialize(data))
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        assert (tuple(loaded[name]["shape"]), bytes(loaded[name]["data"])) == (
            array.shape,
            array.tobytes(),
        ), name
    plain = {
        name: array
        for name, array in arrays.items()
        if array.dtype.name not in ("bfloat16", "float8_e4m3fn", "float8_e5m2")
    }
    assert all(
        same(found, plain[name])
        for name, found in safetensors_load(written(".safetensors", plain)).items()
    )
    assert struct.unpack("<Q", data[:8])[0] % 8 == 0
    assert b'"__metadata__":{"format":"pt"}' in data


def test_npz_is_read_by_numpy() -> None:
    arrays = tensors(*PLAIN, "uint16", "complex128")
    with np.load(io.BytesIO(written(".npz", arrays)), allow_pickle=False) as loaded:
        assert list(loaded) == list(arrays)
        assert all(same(loaded[name], array) for name, array in arrays.items())


def test_npy_is_read_by_numpy() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    assert same(np.load(io.BytesIO(written(".npy", {"x": array}))), array)
    with pytest.raises(RecipeError, match="holds one tensor"):
        written(".npy", {"x": array, "y": array})


def test_torch_zip_is_read_by_torch_without_running_code(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    arrays = tensors(*PLAIN, *WIDE, "complex128")
    path = tmp_path / "x.pth"
    path.write_bytes(written(".pth", arrays))
    for mapped in (False, True):
        loaded: dict[str, Any] = torch.load(
            path, weights_only=True, map_location="cpu", mmap=mapped
        )
        assert list(loaded) == list(arrays)
        for name, array in arrays.items():
            tensor = loaded[name]
            assert tuple(tensor.shape) == array.shape
            assert str(tensor.dtype) == f"torch.{array.dtype.name}"
            raw = (
                tensor.reshape(-1).contiguous().view(torch.uint8)
                if tensor.numel()
                else torch.zeros(0, dtype=torch.uint8)
            )
            assert raw.numpy().tobytes() == array.tobytes(), name
    assert zipfile.ZipFile(path).testzip() is None


def test_torch_members_are_aligned(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(written(".pth", tensors("float32", "int64")))
    raw = path.read_bytes()
    for info in zipfile.ZipFile(path).infolist():
        name, extra = struct.unpack("<HH", raw[info.header_offset + 26 : info.header_offset + 30])
        assert (info.header_offset + 30 + name + extra) % 64 == 0


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".npz", "bfloat16"), (".npy", "float8_e5m2"), (".safetensors", "complex128")],
)
def test_a_dtype_that_the_format_lacks_is_refused(suffix: str, dtype: str) -> None:
    with pytest.raises(RecipeError, match="no such dtype"):
        written(suffix, {"x": np.zeros(2, dtype_of(dtype))})


def test_an_unknown_suffix_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"\.npz.*\.safetensors"):
        find_writer(Path("model.onnx"))
    assert len({suffix for writer in iter_writers() for suffix in writer.SUFFIXES}) == sum(
        len(w.SUFFIXES) for w in iter_writers()
    )


def test_shards_hold_every_tensor_once_within_the_limit() -> None:
    listed = [
        OutgoingTensor(str(i), (size,), "uint8", size)
        for i, size in enumerate((5, 5, 20, 1, 0, 9, 3))
    ]
    shards = plan_shards(Path("dir/m.safetensors"), listed, 10)
    assert shards is not None
    assert shards.spans == ((0, 2), (2, 3), (3, 6), (6, 7))
    assert shards.paths[0].name == "m-00001-of-00004.safetensors"
    assert shards.index == Path("dir/m.safetensors.index.json")
    assert b'"total_size": 43' in shards.build_index_json(listed)
    assert plan_shards(Path("m.safetensors"), listed, 100) is None
