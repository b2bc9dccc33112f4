"""A small random checkpoint of TensorFlow: an index as a sorted table, and the data of two variables and an optimizer's slot."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from auscult.checkpoint.sstable import MAGIC, TRAILER, _compute_checksum
from auscult.weights import Array

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
FLOAT32, STRING, INT64 = 1, 7, 9
Proto = list[tuple[int, int | bytes]]


def make(path: Path, seed: int) -> None:
    """Write `ckpt-1` as tf.train.Checkpoint does."""
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((5, 3, 4), np.float32)
    variables: dict[str, Array] = {
        "model/conv/kernel": kernel,
        "model/conv/bias": rng.standard_normal(4, np.float32),
        "model/conv/kernel/.OPTIMIZER_SLOT/optimizer/m": kernel * 2,
        "save_counter": np.array(1, np.int64),
    }
    write(path, "ckpt-1", {name + SUFFIX: values for name, values in variables.items()})


def write(
    path: Path,
    stem: str,
    variables: Mapping[str, Array],
    *,
    full_names: Mapping[str, str] | None = None,
    compression: int = 0,
) -> None:
    """Write variables under their keys, with the names of the object graph where they are given."""
    entries: dict[bytes, bytes] = {b"": encode([(1, 1), (3, encode([(1, 1)]))])}
    data = b""
    if full_names:
        graph = encode(
            [
                (1, encode([(2, encode([(1, b"VARIABLE_VALUE"), (2, name), (3, key)]))]))
                for key, name in ((k.encode(), n.encode()) for k, n in full_names.items())
            ]
        )
        data = varint(len(graph)) + b"\0\0\0\0" + graph
        entry = encode([(1, STRING), (2, b""), (5, len(data))])
        entries[b"_CHECKPOINTABLE_OBJECT_GRAPH"] = entry
    for key, values in variables.items():
        entries[key.encode()] = encode_entry(values, len(data))
        data += values.tobytes()
    write_table(path / f"{stem}.index", entries, compression)
    (path / f"{stem}.data-00000-of-00001").write_bytes(data)


def encode_entry(values: Array, offset: int, *, slices: bytes = b"") -> bytes:
    """The line of an array; its checksum is one of its bytes, not TensorFlow's."""
    dtype = {"float32": FLOAT32, "int64": INT64}[values.dtype.name]
    shape = encode([(2, encode([(1, side)])) for side in values.shape])
    checksum = b"\x35" + struct.pack("<I", _compute_checksum(values.tobytes()))
    numbers: Proto = [(1, dtype), (2, shape), (4, offset), (5, values.nbytes)]
    return encode(numbers) + checksum + slices


def encode(fields: Proto) -> bytes:
    """A message of protocol buffers, of numbers and of texts or messages."""
    content = b""
    for number, value in fields:
        if isinstance(value, int):
            content += varint(number << 3) + varint(value)
        else:
            content += varint(number << 3 | 2) + varint(len(value)) + value
    return content


def varint(number: int) -> bytes:
    """A number in groups of seven bits."""
    content = b""
    while number >= 0x80:
        content += bytes([number & 0x7F | 0x80])
        number >>= 7
    return content + bytes([number])


def write_table(path: Path, entries: Mapping[bytes, bytes], compression: int = 0) -> None:
    """A table of one block, whose keys share their beginnings."""
    content = pack_block(dict(sorted(entries.items())))
    table = seal(content, compression)
    meta = (len(table), len(pack_block({})))
    table += seal(pack_block({}), 0)
    block = pack_block({b"zz": varint(0) + varint(len(content))})
    index = (len(table), len(block))
    table += seal(block, 0)
    footer = b"".join(varint(number) for number in (*meta, *index))
    path.write_bytes(table + footer.ljust(40, b"\0") + MAGIC)


def seal(content: bytes, compression: int) -> bytes:
    """A block with its type of compression and its checksum."""
    checksum = _compute_checksum(content + bytes([compression]))
    return content + TRAILER.pack(compression, checksum)


def pack_block(entries: Mapping[bytes, bytes]) -> bytes:
    """Keys with values, and one restart point."""
    content, before = b"", b""
    for key, value in entries.items():
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value))
        content += key[shared:] + value
        before = key
    return content + struct.pack("<II", 0, 1)
