"""The `.auc` file: what goes in comes out; a damaged file gives an error or the part that is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import AudioError
from auscult.families.codec.auc import HEADER_BYTES, Encoded, pack, read_auc, unpack, write_auc


@st.composite
def encodings(draw: st.DrawFn) -> Encoded:
    books, frames, bits = draw(st.integers(1, 9)), draw(st.integers(0, 60)), draw(st.integers(1, 16))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Encoded(
        codes=rng.integers(0, 2**bits, (books, frames)),
        bits=bits,
        sample_rate=draw(st.sampled_from((8000, 16000, 24000, 44100))),
        samples=draw(st.integers(0, 2**40)),
        gain=float(np.float32(draw(st.floats(1e-3, 1e3)))),
        fingerprint=draw(st.binary(min_size=8, max_size=8)),
        block=draw(st.integers(1, 25)),
    )


def same(a: Encoded, b: Encoded) -> bool:
    rest = ("bits", "sample_rate", "samples", "gain", "fingerprint", "block")
    return np.array_equal(a.codes, b.codes) and all(getattr(a, name) == getattr(b, name) for name in rest)


@given(encoded=encodings())
def test_what_goes_in_comes_out_and_the_same_codes_give_the_same_bytes(encoded: Encoded) -> None:
    content = pack(encoded)
    assert same(unpack(content), encoded)
    assert pack(unpack(content)) == content


@given(encoded=encodings(), data=st.data())
@settings(max_examples=200)
def test_any_changed_byte_is_noticed_and_costs_its_own_block_only(encoded: Encoded, data: st.DataObject) -> None:
    content = bytearray(pack(encoded))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AudioError):
        unpack(bytes(content))
    if place < HEADER_BYTES:
        with pytest.raises(AudioError):
            unpack(bytes(content), salvage=True)
        return
    part = unpack(bytes(content), salvage=True)
    lost = (part.codes < 0).any(0)
    assert np.array_equal(part.codes[:, ~lost], encoded.codes[:, ~lost])
    assert 0 < lost.sum() <= encoded.block
    assert np.ptp(np.flatnonzero(lost)) < encoded.block


@given(encoded=encodings(), data=st.data())
def test_a_file_that_is_cut_off_keeps_its_whole_blocks(encoded: Encoded, data: st.DataObject) -> None:
    content = pack(encoded)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(AudioError):
        unpack(content[:length])
    if length < HEADER_BYTES:
        return
    size = -(-encoded.block * encoded.codes.shape[0] * encoded.bits // 8) + 4
    whole = (length - HEADER_BYTES) // size * encoded.block
    part = unpack(content[:length], salvage=True)
    assert np.array_equal(part.codes[:, :whole], encoded.codes[:, :whole])
    assert (part.codes[:, whole:] == -1).all()


@given(content=st.binary(max_size=200))
def test_junk_is_refused(content: bytes) -> None:
    for salvage in (False, True):
        with pytest.raises(AudioError):
            unpack(content, salvage=salvage)


def test_a_block_in_the_place_of_another_is_noticed() -> None:
    codes = np.arange(20).reshape(1, 20) % 4
    content = pack(Encoded(codes, 2, 16000, 20, 1.0, bytes(8), block=4))
    first, second = content[HEADER_BYTES : HEADER_BYTES + 5], content[HEADER_BYTES + 5 : HEADER_BYTES + 10]
    swapped = content[:HEADER_BYTES] + second + first + content[HEADER_BYTES + 10 :]
    assert (unpack(swapped, salvage=True).codes[0] < 0).tolist() == [True] * 8 + [False] * 12


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    encoded = Encoded(np.zeros((2, 3), np.int64), 10, 16000, 240, 1.0, bytes(8))
    path = tmp_path / "a.auc"
    assert write_auc(encoded, path) == path.stat().st_size
    assert same(read_auc(path), encoded)
    with pytest.raises(AudioError, match="cannot be written"):
        write_auc(encoded, tmp_path / "nowhere" / "a.auc")
    with pytest.raises(AudioError, match="cannot be read"):
        read_auc(tmp_path / "none.auc")
    with pytest.raises(AudioError, match="do not fit"):
        write_auc(Encoded(np.full((1, 1), 4), 2, 16000, 1, 1.0, bytes(8)), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.auc"]
