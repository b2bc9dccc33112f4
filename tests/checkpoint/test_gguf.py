from __future__ import annotations

import struct
import time
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.checkpoint.formats.gguf import read, sniff
from auscult.checkpoint.ggml import BLOCK_TYPES, DEQUANTIZE, SLAB_BLOCKS
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Array
from tests.checkpoint.mutation import Edit, damage, edits, read_all
from tests.checkpoint.samples.gguf import make

READ = [gguf.GGMLQuantizationType[name.upper()] for name in DEQUANTIZE]


def same(found: Array, expected: Array) -> bool:
    native = found.astype(found.dtype.newbyteorder("="))
    return (
        native.dtype == expected.dtype
        and native.shape == expected.shape
        and native.tobytes() == expected.tobytes()
    )


def write(path: Path, data: Array, kind: gguf.GGMLQuantizationType, name: str = "t") -> Path:
    writer = gguf.GGUFWriter(path, "test")
    writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_table_of_blocks_is_ggmls() -> None:
    known = {
        int(kind): sizes for kind, sizes in gguf.constants.GGML_QUANT_SIZES.items() if sizes[0] > 1
    }
    assert {
        number: (block.elements, block.nbytes) for number, block in BLOCK_TYPES.items()
    } == known
    assert all(
        gguf.GGMLQuantizationType(number).name == block.name.upper()
        for number, block in BLOCK_TYPES.items()
    )


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_blocks_dequantise_as_gguf_does(tmp_path: Path, kind: gguf.GGMLQuantizationType) -> None:
    rng = np.random.default_rng(int(kind))
    stored = gguf.quants.quantize((rng.normal(size=(3, 2, 96)) * 10).astype(np.float32), kind)
    expected = gguf.quants.dequantize(stored, kind)
    tensor = read(Source(write(tmp_path / "m.gguf", stored, kind))).tree["t"]
    assert tensor.shape == (3, 2, 96)
    assert tensor.dtype == kind.name.lower()
    assert tensor.nbytes == stored.nbytes
    assert same(tensor.numpy(), expected)
    for start, stop in ((0, 1), (31, 33), (40, 200), (575, 576), (5, 5)):
        assert same(tensor.flat(start, stop), expected.reshape(-1)[start:stop])


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_any_bits_dequantise_as_gguf_does(tmp_path: Path, kind: gguf.GGMLQuantizationType) -> None:
    block = BLOCK_TYPES[int(kind)]
    stored = np.random.default_rng(9).integers(0, 256, (64, block.nbytes), np.uint8)
    with np.errstate(all="ignore"):
        expected = gguf.quants.dequantize(stored, kind)
    found = read(Source(write(tmp_path / "m.gguf", stored, kind))).tree["t"].numpy()
    np.testing.assert_array_equal(
        found.view(np.uint32)[~np.isnan(expected)], expected.view(np.uint32)[~np.isnan(expected)]
    )
    assert (np.isnan(found) == np.isnan(expected)).all()


def test_blocks_over_several_slabs(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(size=(SLAB_BLOCKS + 7, 32)).astype(np.float32)
    stored = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
    tensor = read(Source(write(tmp_path / "m.gguf", stored, gguf.GGMLQuantizationType.Q8_0))).tree[
        "t"
    ]
    assert same(tensor.numpy(), gguf.quants.dequantize(stored, gguf.GGMLQuantizationType.Q8_0))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000))
def test_random_files_equal_ggufs_reader(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    make(path, seed)
    contents = read(Source(path))
    tensors = gguf.GGUFReader(path).tensors
    assert [t.name for t in tensors if t.name in contents.tree] == list(contents.tree)
    assert contents.skips == ()
    for tensor in tensors:
        if tensor.name in contents.tree:
            found = contents.tree[tensor.name]
            assert found.shape == tuple(reversed(tensor.shape.tolist()))
            plain = tensor.name.startswith("plain")
            expected = (
                tensor.data if plain else gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            )
            assert same(found.numpy().astype(expected.dtype), expected)


def test_without_the_gguf_package_blocks_are_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_missing() -> None:
        raise ModuleNotFoundError("No module named 'gguf'")

    monkeypatch.setattr("auscult.checkpoint.ggml.load_gguf_quants", raise_missing)
    make(tmp_path / "m.gguf", 1)
    (skip,) = read(Source(tmp_path / "m.gguf")).skips
    assert skip.where == "block.Q4_K"
    assert "gguf package, which is not installed" in skip.reason


def test_metadata(tmp_path: Path) -> None:
    make(tmp_path / "m.gguf", 1)
    metadata = read(Source(tmp_path / "m.gguf")).metadata
    assert metadata["general.architecture"] == "sample"
    assert metadata["sample.text"] == "héllo"
    assert metadata["sample.numbers"] == "[1, 2, 3]"
    assert metadata["sample.words"].startswith("[a, bc, def,")
    assert metadata["sample.words"].endswith("300 in all]")
    assert metadata["sample.flag"] == "True"


def test_big_endian_files(tmp_path: Path) -> None:
    make(tmp_path / "big.gguf", 4, big_endian=True)
    make(tmp_path / "little.gguf", 4)
    big, little = read(Source(tmp_path / "big.gguf")), read(Source(tmp_path / "little.gguf"))
    names = [name for name in little.tree if name.startswith("plain")]
    assert list(big.tree) == names
    for name in names:
        assert same(big.tree[name].numpy(), little.tree[name].numpy())


def big_endian_tensor(kind: int, sides: tuple[int, ...], data: bytes) -> bytes:
    """A big-endian file of one tensor, laid out by hand from the format's description."""
    info = (
        struct.pack(">Q1sI", 1, b"t", len(sides))
        + b"".join(struct.pack(">Q", side) for side in sides)
        + struct.pack(">IQ", kind, 0)
    )
    head = b"GGUF" + struct.pack(">IQQ", 3, 1, 0) + info
    return head + bytes(-len(head) % 32) + data


def test_big_endian_blocks_and_bfloat16(tmp_path: Path) -> None:
    """Their 16-bit words are swapped, as gguf's gguf_convert_endian does."""
    values = np.random.default_rng(5).normal(size=(2, 64)).astype(np.float32)
    path = tmp_path / "m.gguf"
    for kind in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
        stored = gguf.quants.quantize(values, kind)
        blocks = stored.reshape(-1, BLOCK_TYPES[int(kind)].nbytes).copy()
        blocks[:, :2] = blocks[:, 1::-1]
        path.write_bytes(big_endian_tensor(int(kind), (64, 2), blocks.tobytes()))
        assert same(read(Source(path)).tree["t"].numpy(), gguf.quants.dequantize(stored, kind))
    halves = gguf.quants.quantize(values, gguf.GGMLQuantizationType.BF16).view(np.uint16)
    path.write_bytes(big_endian_tensor(30, (64, 2), halves.byteswap().tobytes()))
    assert read(Source(path)).tree["t"].numpy().view(np.uint16).tolist() == halves.tolist()
    path.write_bytes(big_endian_tensor(6, (32,), bytes(22)))
    assert "Q5_0 blocks of a big-endian file" in read(Source(path)).skips[0].reason


def header(
    *infos: bytes,
    entries: bytes = b"",
    entry_count: int = 0,
    tensors: int | None = None,
    version: int = 3,
) -> bytes:
    count = len(infos) if tensors is None else tensors
    head = b"GGUF" + struct.pack("<IQQ", version, count, entry_count) + entries + b"".join(infos)
    return head + bytes(-len(head) % 32)


def info(name: bytes, sides: tuple[int, ...], kind: int, offset: int) -> bytes:
    return (
        struct.pack("<Q", len(name))
        + name
        + struct.pack("<I", len(sides))
        + b"".join(struct.pack("<Q", s) for s in sides)
        + struct.pack("<IQ", kind, offset)
    )


HOSTILE = {
    "count": header(tensors=1 << 60),
    "metadata count": header(entry_count=1 << 60),
    "size": header(info(b"t", (1 << 40, 1 << 40), 0, 0)),
    "overflow": header(info(b"t", (1 << 63, 2), 0, 0)),
    "offset": header(info(b"t", (4,), 0, 1 << 62)) + bytes(16),
    "misaligned": header(info(b"t", (4,), 0, 4)) + bytes(32),
    "twice": header(info(b"t", (4,), 0, 0), info(b"t", (4,), 0, 0)) + bytes(32),
    "rank": header(struct.pack("<Q", 1) + b"t" + struct.pack("<I", 1 << 31)),
    "name": header(struct.pack("<Q", 1 << 62)),
    "block rows": header(info(b"t", (31,), 8, 0)) + bytes(64),
    "block scalar": header(info(b"t", (), 8, 0)) + bytes(64),
    "value type": header(
        entries=struct.pack("<Q", 1) + b"k" + struct.pack("<I", 99), entry_count=1
    ),
    "string": header(
        entries=struct.pack("<Q", 1) + b"k" + struct.pack("<IQ", 8, 1 << 62), entry_count=1
    ),
    "array": header(
        entries=struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 4, 1 << 62), entry_count=1
    ),
    "array of strings": header(
        entries=struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 62), entry_count=1
    ),
    "nested arrays": header(
        entries=struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 99,
        entry_count=1,
    ),
    "alignment": header(
        entries=struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, 0),
        entry_count=1,
    ),
    "version": header(version=1),
    "short": b"GGUF\x03",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_headers_are_refused_at_once(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(CheckpointError):
        read(Source(path))
    assert time.perf_counter() - start < 1


def test_unknown_types_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(info(b"t", (4,), 200, 0)) + bytes(32))
    assert read(Source(path)).skips[0].reason == "ggml type 200 is unknown"


def test_sniff() -> None:
    assert sniff(Source(Path("x.bin")), b"GGUF\x03\x00\x00\x00")
    assert not sniff(Source(Path("x.gguf")), b"GGML")


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 3), changes=edits)
def test_damaged_files_are_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, changes: list[Edit]
) -> None:
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    make(path, seed)
    path.write_bytes(damage(path.read_bytes(), changes))
    read_all(read, path)
