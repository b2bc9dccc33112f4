from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint.elements import (
    SUB_BYTE_BITS,
    JoinedData,
    check_shape,
    count_stored_bytes,
    place_tensor,
    unpack_elements,
)
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import InMemoryData


@pytest.mark.parametrize("dtype", sorted(SUB_BYTE_BITS))
def test_packed_elements_are_the_same_in_any_slice(tmp_path: Path, dtype: str) -> None:
    raw = np.random.default_rng(0).integers(0, 256, 40, np.uint8)
    (tmp_path / "m").write_bytes(b"xyz" + raw.tobytes())
    count = 40 * 8 // SUB_BYTE_BITS[dtype] - 1
    tensor = place_tensor(Source(tmp_path / "m"), (3, 43), "t", dtype, (count,))
    whole = tensor.numpy()
    # one element after the other, by shifting a big integer
    bits = SUB_BYTE_BITS[dtype]
    number = int.from_bytes(raw.tobytes(), "little")
    codes = [number >> (index * bits) & ((1 << bits) - 1) for index in range(count)]
    if dtype.startswith("uint"):
        assert whole.astype(int).tolist() == codes
    elif dtype.startswith("int"):
        assert whole.astype(int).tolist() == [
            code - (1 << bits) if code >> (bits - 1) else code for code in codes
        ]
    else:
        assert whole.view(np.uint8).tolist() == codes
    for start in range(9):
        for stop in (start, start + 1, start + 6, count):
            assert tensor.flat(start, stop).tobytes() == whole[start:stop].tobytes()


def test_sizes() -> None:
    assert count_stored_bytes("int4", (3, 3)) == 5
    assert count_stored_bytes("int2", (5,)) == 2
    assert count_stored_bytes("bfloat16", (2, 0)) == 0
    assert count_stored_bytes("float32", ()) == 4
    assert unpack_elements(np.array([0xF8], np.uint8), "int4").tolist() == [-8, -1]


@pytest.mark.parametrize("dims", [(-1,), (1 << 61,), (1 << 40, 1 << 40), (0, 1 << 61), (1,) * 40])
def test_impossible_shapes(dims: tuple[int, ...]) -> None:
    with pytest.raises(CheckpointError, match="impossible shape"):
        check_shape(dims, "here")


def test_joined_pieces() -> None:
    pieces = [
        np.arange(start, start + size, dtype=np.int16)
        for start, size in ((0, 3), (3, 0), (3, 5), (8, 1))
    ]
    joined = JoinedData(
        tuple(InMemoryData(piece) for piece in pieces),
        tuple(piece.size for piece in pieces),
        (3, 3),
        "int16",
    )
    assert joined.array().tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    for start in range(9):
        for stop in range(start, 10):
            assert joined.flat(start, stop).tolist() == list(range(start, stop))
            assert joined.flat(start, stop).dtype == np.int16
