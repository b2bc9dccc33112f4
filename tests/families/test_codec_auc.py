"""The `.auc` file: what goes in comes out; a damaged file gives an error or the part that is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import AudioError
from auscult.families.codec.auc import Encoded, pack, read_auc, unpack, write_auc


@st.composite
def encodings(draw: st.DrawFn) -> Encoded:
    books, frames, bits = (
        draw(st.integers(1, 9)),
        draw(st.integers(0, 60)),
        draw(st.integers(1, 16)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    group = draw(st.sampled_from((0, 1, 3)))
    codes = rng.integers(0, 2**bits, (books, frames))
    if group:
        depths = np.repeat(rng.integers(0, books + 1, -(-frames // group)), group)[:frames]
        codes[np.arange(books)[:, None] >= depths] = -1
    return Encoded(
        codes=codes,
        bits=bits,
        sample_rate=draw(st.sampled_from((8000, 16000, 24000, 44100))),
        samples=draw(st.integers(0, 2**40)),
        gain=float(np.float32(draw(st.floats(1e-3, 1e3)))),
        fingerprint=draw(st.binary(min_size=8, max_size=8)),
        block=draw(st.integers(1, 9)) * max(group, 1),
        group=group,
    )


def same(a: Encoded, b: Encoded) -> bool:
    rest = ("bits", "sample_rate", "samples", "gain", "fingerprint", "block", "group")
    return np.array_equal(a.codes, b.codes) and all(
        getattr(a, name) == getattr(b, name) for name in rest
    )


def ends(encoded: Encoded) -> list[int]:
    """Where the header and each block end, from sizes of shorter recordings."""
    content = pack(encoded)
    blocks = -(-encoded.codes.shape[1] // encoded.block)
    sizes = np.frombuffer(content[37 : 37 + 2 * blocks], "<u2")
    return [int(end) for end in 37 + 2 * blocks + 4 + np.cumsum([0, *(sizes.astype(int) + 4)])]


@given(encoded=encodings())
def test_what_goes_in_comes_out_and_the_same_codes_give_the_same_bytes(encoded: Encoded) -> None:
    content = pack(encoded)
    found = unpack(content)
    assert same(found, encoded)
    assert not found.lost.any()
    assert pack(found) == content
    assert ends(encoded)[-1] == len(content)


@given(encoded=encodings(), data=st.data())
@settings(max_examples=200)
def test_any_changed_byte_is_noticed_and_costs_its_own_block_only(
    encoded: Encoded, data: st.DataObject
) -> None:
    content = bytearray(pack(encoded))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AudioError):
        unpack(bytes(content))
    if place < ends(encoded)[0]:
        with pytest.raises(AudioError):
            unpack(bytes(content), salvage=True)
        return
    part = unpack(bytes(content), salvage=True)
    assert np.array_equal(part.codes[:, ~part.lost], encoded.codes[:, ~part.lost])
    assert 0 < part.lost.sum() <= encoded.block
    assert np.ptp(np.flatnonzero(part.lost)) < encoded.block


@given(encoded=encodings(), data=st.data())
def test_a_file_that_is_cut_off_keeps_its_whole_blocks(
    encoded: Encoded, data: st.DataObject
) -> None:
    content, places = pack(encoded), ends(encoded)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(AudioError):
        unpack(content[:length])
    if length < places[0]:
        return
    whole = sum(end <= length for end in places[1:]) * encoded.block
    part = unpack(content[:length], salvage=True)
    assert np.array_equal(part.codes[:, :whole], encoded.codes[:, :whole])
    assert not part.lost[:whole].any()
    assert part.lost[whole:].all()


@given(content=st.binary(max_size=200))
def test_junk_is_refused(content: bytes) -> None:
    for salvage in (False, True):
        with pytest.raises(AudioError):
            unpack(content, salvage=salvage)


def test_a_block_in_the_place_of_another_is_noticed() -> None:
    encoded = Encoded(np.arange(20).reshape(1, 20) % 4, 2, 16000, 20, 1.0, bytes(8), block=4)
    content, places = pack(encoded), ends(encoded)
    first, second = content[places[0] : places[1]], content[places[1] : places[2]]
    swapped = content[: places[0]] + second + first + content[places[2] :]
    assert unpack(swapped, salvage=True).lost.tolist() == [True] * 8 + [False] * 12


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
