from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.weights import Array

ML_DTYPES = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
UNKNOWN: dict[str, tuple[bytes, str]] = {
    "page.pth": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "blanks.pth": (b"\n\n  <html>", "web page"),
    "page.xml": (b'<?xml version="1.0"?>\n<!DOCTYPE html><html></html>', "no OpenVINO IR"),
    "pointer.safetensors": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 55823173\n",
        "git lfs pull",
    ),
    "packed.pth.gz": (gzip.compress(b"x" * 100), "gzip"),
    "sound.wav": (b"RIFF\x24\0\0\0WAVEfmt ", "auscult listen"),
    "empty.pth": (b"", "empty"),
    "zeros.pth": (b"\0" * 1000, "zeros"),
    "config.json": (b'{"sample_rate": 22050}', "weight file"),
    "error.pth": (b"Access denied. Please log in first.", "text"),
    "keras.h5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 50, "HDF5"),
    "noise.pth": (bytes(range(200, 255)), "format that auscult does not know"),
    "marked.pth": (b"ZZ\x03\x04" + b"\x11" * 500, "first two bytes are 5a 5a where PK should be"),
    "cut.pth": (b"PK\x03\x04" + b"\x11" * 500, "without its directory"),
}


def same(found: Array, expected: Array) -> bool:
    native = found.astype(found.dtype.newbyteorder("=")) if found.dtype.kind != "V" else found
    wanted = (
        expected.astype(expected.dtype.newbyteorder("="))
        if expected.dtype.kind != "V"
        else expected
    )
    return (
        native.shape == wanted.shape
        and native.dtype == wanted.dtype
        and native.tobytes() == wanted.tobytes()
    )


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_no_checkpoint_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    content, expected = UNKNOWN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=expected) as caught:
        open_checkpoint(tmp_path / name)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_odd_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="check the path"):
        open_checkpoint(tmp_path / "absent.pth")
    (tmp_path / "readme.txt").write_text("x")
    with pytest.raises(CheckpointError, match=r"readme\.txt"):
        open_checkpoint(tmp_path)
    with pytest.raises(CheckpointError):
        open_checkpoint("a\0b")


def test_a_zip_without_arrays_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("notes.txt", "x")
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        open_checkpoint(tmp_path / "m.zip")


any_array = arrays.arrays(
    st.one_of(
        arrays.floating_dtypes(endianness="?"),
        arrays.integer_dtypes(endianness="?"),
        arrays.unsigned_integer_dtypes(endianness="?"),
        arrays.boolean_dtypes(),
        arrays.complex_number_dtypes(endianness="?"),
    ),
    arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    array=any_array,
    fortran=st.booleans(),
    packed=st.booleans(),
    span=st.tuples(st.integers(0, 300), st.integers(0, 300)),
)
def test_numpy_files_are_read_as_numpy_reads_them(
    tmp_path: Path, array: Array, fortran: bool, packed: bool, span: tuple[int, int]
) -> None:
    array = np.asarray(np.asfortranarray(array) if fortran else array).reshape(
        array.shape, order="A"
    )
    np.save(tmp_path / "m.npy", array)
    save: Any = np.savez_compressed if packed else np.savez
    save(tmp_path / "m.npz", **{"conv.weight": array})
    for tensor in (
        open_checkpoint(tmp_path / "m.npy")["m"],
        open_checkpoint(tmp_path / "m.npz")["conv.weight"],
    ):
        assert same(tensor.numpy(), array)
        assert same(tensor.flat(*span), array.ravel()[slice(*span)])
        assert tensor.dtype == array.dtype.name


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_npy_version_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    array = np.arange(6.0).reshape(2, 3)
    with (tmp_path / "m.npy").open("wb") as handle:
        np.lib.format.write_array(handle, array, version)
    assert same(open_checkpoint(tmp_path / "m.npy")["m"].numpy(), array)


def test_bfloat16_in_npy_is_recognised_and_odd_types_are_skipped(tmp_path: Path) -> None:
    values = np.arange(4, dtype=np.float32).astype(ml_dtypes.bfloat16)
    odd = {
        "text": np.array(["a"]),
        "fields": np.zeros(2, [("x", "f4")]),
        "time": np.array([0], "M8[s]"),
    }
    np.savez(tmp_path / "m.npz", values=values, **odd)  # type: ignore[arg-type]
    checkpoint = open_checkpoint(tmp_path / "m.npz")
    assert same(checkpoint["values"].numpy(), values)
    assert {skip.where for skip in checkpoint.skips} == set(odd)


def test_fortran_arrays_are_recorded_as_views(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    np.testing.assert_array_equal(
        open_checkpoint(tmp_path / "m.npy")["m"].numpy(), np.arange(6.0).reshape(2, 3)
    )


def test_an_array_of_a_dict_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", {"enc.weight": np.eye(3), "epoch": 4})  # type: ignore[arg-type]
    checkpoint = open_checkpoint(tmp_path / "m.npy")
    assert list(checkpoint) == ["enc.weight"]
    assert checkpoint.metadata["epoch"] == "4"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    shape=arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    name=st.sampled_from(("float32", "int64", *ML_DTYPES)),
)
def test_safetensors_are_read_as_the_package_writes_them(
    tmp_path: Path, shape: tuple[int, ...], name: str
) -> None:
    kind = np.dtype(getattr(ml_dtypes, name)) if name in ML_DTYPES else np.dtype(name)
    array = np.asarray(np.random.default_rng(0).normal(size=shape) * 9).astype(kind)
    torch_kind = getattr(torch, name)
    raw = np.frombuffer(bytearray(array.tobytes()), np.uint8)
    tensor = torch.from_numpy(raw).view(torch_kind).reshape(shape)
    save_torch({"w": tensor, "other": torch.ones(3)}, tmp_path / "m.safetensors")
    checkpoint = open_checkpoint(tmp_path / "m.safetensors")
    assert same(checkpoint["w"].numpy(), array)
    assert checkpoint["w"].dtype == name
    assert checkpoint.format == "safetensors"


def test_the_metadata_of_safetensors_is_kept(tmp_path: Path) -> None:
    save_file({"w": np.ones(1)}, tmp_path / "m.safetensors", metadata={"format": "mlx"})
    assert open_checkpoint(tmp_path / "m.safetensors").metadata == {"format": "mlx"}


def test_unknown_safetensors_types_are_skipped_with_the_reason(tmp_path: Path) -> None:
    header = json.dumps(
        {
            "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            "b": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [4, 7]},
        }
    ).encode()
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 7)
    checkpoint = open_checkpoint(tmp_path / "m.safetensors")
    assert list(checkpoint) == ["a"]
    assert [(skip.where, "F6_E2M3" in skip.reason) for skip in checkpoint.skips] == [("b", True)]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of two shards with their index."""
    weights = {f"layer.{i}.weight": np.full((2, 2), i, np.float32) for i in range(4)}
    files = {name: f"model-{1 + i // 2:05}-of-00002.safetensors" for i, name in enumerate(weights)}
    for file in sorted(set(files.values())):
        save_file({name: weights[name] for name in weights if files[name] == file}, tmp_path / file)
    index = {"metadata": {"total_size": 64}, "weight_map": files}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


def test_shards_are_one_checkpoint_by_index_and_by_folder(shards: Path) -> None:
    index = shards / "model.safetensors.index.json"
    for path in (index, shards):
        checkpoint = open_checkpoint(path)
        assert sorted(checkpoint) == [f"layer.{i}.weight" for i in range(4)]
        assert checkpoint.format == "safetensors"
        np.testing.assert_array_equal(checkpoint["layer.3.weight"].numpy(), np.full((2, 2), 3))
    index.unlink()
    assert len(open_checkpoint(shards)) == 4


def test_the_index_of_another_number_format_is_an_index(shards: Path) -> None:
    """diffusers writes it so; beside a plain one it is another set of files."""
    variant = shards / "model.safetensors.index.fp16.json"
    plain = shards / "model.safetensors.index.json"
    files = json.loads(plain.read_text())["weight_map"]
    variant.write_text(json.dumps({"weight_map": {"layer.0.weight": files["layer.0.weight"]}}))
    assert list(open_checkpoint(variant)) == ["layer.0.weight"]
    assert len(open_checkpoint(shards)) == 4
    plain.unlink()
    assert list(open_checkpoint(shards)) == ["layer.0.weight"]


def test_a_missing_shard_is_named(shards: Path) -> None:
    (shards / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match="model-00002-of-00002"):
        open_checkpoint(shards)
    (shards / "model.safetensors.index.json").unlink()


def test_a_tensor_that_no_shard_has_is_named(shards: Path) -> None:
    index = shards / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["absent"] = "model-00001-of-00002.safetensors"
    index.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="absent"):
        open_checkpoint(shards)


def test_shards_outside_the_folder_are_refused(shards: Path) -> None:
    index = shards / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))
    with pytest.raises(CheckpointError, match="outside"):
        open_checkpoint(index)


def test_torch_shards_are_read(tmp_path: Path) -> None:
    for number in (1, 2):
        torch.save(
            {f"l.{number}.weight": torch.ones(number)},
            tmp_path / f"pytorch_model-0000{number}-of-00002.bin",
        )
    index = {
        "weight_map": {
            f"l.{number}.weight": f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)
        }
    }
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    checkpoint = open_checkpoint(tmp_path)
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "l.1.weight": (1,),
        "l.2.weight": (2,),
    }
    assert checkpoint.format == "torch"
    assert checkpoint.ties == ()
