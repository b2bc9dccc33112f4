from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.checkpoint.formats.flax import DTYPES, read, sniff
from auscult.checkpoint.messagepack import Unpacker
from auscult.checkpoint.source import Source, dtype_of
from auscult.errors import CheckpointError
from auscult.weights import Tensor
from tests.checkpoint.mutation import Edit, damage, edits, read_all
from tests.checkpoint.samples.flax import chunked, make, tree, write


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert isinstance(found, Tensor)
        array = found.numpy()
        assert (array.dtype, array.shape, array.tobytes()) == (
            expected.dtype,
            expected.shape,
            expected.tobytes(),
        )
        assert found.dtype == expected.dtype.name
    else:
        assert found == expected


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000))
def test_random_trees_come_back(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path = tmp_path_factory.mktemp("flax") / "m.msgpack"
    write(path, tree(seed))
    assert_same(read(Source(path)).tree, tree(seed))


@pytest.mark.parametrize("name", sorted(DTYPES))
def test_every_type(tmp_path: Path, name: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 0]]).astype(dtype_of(name))
    write(tmp_path / "m", {"a": array})
    assert_same(read(Source(tmp_path / "m")).tree, {"a": array})


def test_names_are_dotted(tmp_path: Path) -> None:
    write(tmp_path / "m", {"params": {"conv": {"kernel": np.zeros(2)}}, "list": [np.zeros(1), 3]})
    found = read(Source(tmp_path / "m")).tree
    assert found["params"]["conv"]["kernel"].name == "params.conv.kernel"
    assert found["list"][0].name == "list.0"


@pytest.mark.parametrize("size", [1, 4, 7, 100])
def test_chunks_are_joined(tmp_path: Path, size: int) -> None:
    array = np.arange(30, dtype=np.float32).reshape(5, 6)
    write(tmp_path / "m", {"big": chunked(array, size)})
    tensor = read(Source(tmp_path / "m")).tree["big"]
    assert_same(tensor, array)
    assert tensor.flat(3, 17).tolist() == list(range(3, 17))


def test_more_than_ten_chunks_keep_their_order(tmp_path: Path) -> None:
    array = np.arange(25, dtype=np.float32)
    write(tmp_path / "m", {"big": chunked(array, 2)})
    assert_same(read(Source(tmp_path / "m")).tree["big"], array)


def array_of(shape: Any, name: Any = "float32", data: Any = b"\0\0\0\0") -> msgpack.ExtType:
    return msgpack.ExtType(1, msgpack.packb((shape, name, data), use_bin_type=True))


BAD = {
    "bytes": array_of((2,)),
    "negative": array_of((-1,)),
    "huge": array_of((1 << 40, 1 << 40)),
    "object type": array_of((1,), "object"),
    "type code": array_of((1,), "f4, (1000000000,)"),
    "shape": array_of("four"),
    "shape of lists": array_of([[1]]),
    "data": array_of((1,), "float32", "text"),
    "no list": msgpack.ExtType(1, b"\x01"),
    "empty": msgpack.ExtType(1, b""),
    "chunks": {
        "__msgpack_chunked_array__": True,
        "shape": {"0": 3},
        "chunks": {"0": array_of((1,))},
    },
    "no chunks": {"__msgpack_chunked_array__": True, "shape": {"0": 3}},
    "chunk kinds": {
        "__msgpack_chunked_array__": True,
        "shape": {"0": 2},
        "chunks": {"0": array_of((1,)), "1": array_of((1,), "int32")},
    },
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_arrays_are_refused(tmp_path: Path, bad: Any) -> None:
    (tmp_path / "m").write_bytes(msgpack.packb({"a": bad}))
    with pytest.raises(CheckpointError):
        read(Source(tmp_path / "m"))


HOSTILE = {
    "depth": b"\x81\xa1a" * 5000 + b"\x01",
    "lists": b"\x81\xa1a" + b"\x91" * 5000,
    "map length": b"\x81\xa1a\xdf\xff\xff\xff\xff",
    "list length": b"\x81\xa1a\xdd\xff\xff\xff\xff",
    "string length": b"\x81\xa1a\xdb\xff\xff\xff\xff",
    "same key": b"\x82\xa1a\x01\xa1a\x01",
    "map as key": b"\x81\x80\x01",
    "unused byte": b"\x81\xa1a\xc1",
    "trailing": b"\x81\xa1a\x01\x00",
    "no mapping": b"\x91\x01",
    "nothing": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(CheckpointError):
        read(Source(tmp_path / "m"))


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20)
    ),
    max_leaves=40,
)


@settings(max_examples=100, deadline=None)
@given(value=plain)
def test_plain_values_unpack_as_msgpack_does(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    path = tmp_path_factory.mktemp("flax") / "m"
    path.write_bytes(msgpack.packb(value))
    assert Unpacker(Source(path)).value() == value


def test_sniff(tmp_path: Path) -> None:
    make(tmp_path / "m", 0)
    assert sniff(Source(Path("m")), (tmp_path / "m").read_bytes()[:64])
    assert not sniff(Source(Path("m.msgpack")), b"\x80\x02}q\x00X\x05")
    assert not sniff(Source(Path("m.msgpack")), b"\x93NUMPY\x01")
    assert not sniff(Source(Path("m.msgpack")), b"\x85\x00\x00\x00\x00\x00\x00\x00{")


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 3), changes=edits)
def test_damaged_files_are_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, changes: list[Edit]
) -> None:
    path = tmp_path_factory.mktemp("flax") / "m"
    make(path, seed)
    path.write_bytes(damage(path.read_bytes(), changes))
    read_all(read, path)


def test_bfloat16(tmp_path: Path) -> None:
    array = np.array([1.5, -2], ml_dtypes.bfloat16)
    write(tmp_path / "m", {"a": array})
    assert read(Source(tmp_path / "m")).tree["a"].flat(1, 2).tolist() == [-2]
