"""torch zip: what `torch.save(state_dict)` writes since 1.6, made without torch.

The archive holds `data.pkl`, a pickle of an OrderedDict whose values are calls of `torch._utils._rebuild_tensor_v2` on
storages named by persistent ids, and one member `data/<key>` of raw little-endian elements for each storage. All globals in
it are on the list of `torch.load(weights_only=True)`. Members are aligned to 64 bytes, so that `mmap=True` works.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import BinaryIO

from auscult.checkpoint.file_array import contiguous_strides
from auscult.checkpoint.writers import OutgoingTensor, TensorPiece, group_pieces
from auscult.errors import RecipeError

FORMAT = "torch"
SUFFIXES = (".pth", ".pt", ".ckpt", ".bin")
ALIGNMENT = 64
ARCHIVE_ROOT = "archive"

STORAGE_CLASSES = {
    "float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage",
    "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage", "uint8": "ByteStorage",
    "bool": "BoolStorage", "complex64": "ComplexFloatStorage", "complex128": "ComplexDoubleStorage",
}  # fmt: skip
UNTYPED_DTYPES = frozenset(
    (
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "uint16",
        "uint32",
        "uint64",
    )
)
"""Types without a storage class of their own: an untyped storage and the dtype, in `_rebuild_tensor_v3`."""


def check(tensors: Sequence[OutgoingTensor]) -> None:
    """Raises RecipeError for a dtype that torch does not have."""
    for tensor in tensors:
        if tensor.dtype not in STORAGE_CLASSES and tensor.dtype not in UNTYPED_DTYPES:
            raise RecipeError(
                "torch has no such dtype",
                where=tensor.name,
                found=tensor.dtype,
                hint="choose another with --dtype",
            )


def write(
    out: BinaryIO,
    tensors: Sequence[OutgoingTensor],
    pieces: Iterable[TensorPiece],
    metadata: Mapping[str, str],  # noqa: ARG001 - a state dict has no place for it
) -> None:
    """Write the file."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        _write_member(archive, "data.pkl", [memoryview(pickle_state_dict(tensors))])
        _write_member(archive, "byteorder", [memoryview(b"little")])
        for key, (tensor, tensor_pieces) in enumerate(group_pieces(tensors, pieces)):
            _write_member(archive, f"data/{key}", tensor_pieces, tensor.nbytes)
        _write_member(archive, "version", [memoryview(b"3\n")])


def _write_member(
    archive: zipfile.ZipFile, name: str, pieces: Iterable[memoryview], size: int = 0
) -> None:
    info = zipfile.ZipInfo(f"{ARCHIVE_ROOT}/{name}")
    large = size >= zipfile.ZIP64_LIMIT - 4096
    header = 30 + len(info.filename.encode()) + (20 if large else 0)
    padding = -(archive.fp.tell() + header + 4) % ALIGNMENT if archive.fp else 0
    info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding  # torch's own padding field
    with archive.open(info, "w", force_zip64=large) as file:
        for piece in pieces:
            file.write(piece)


def pickle_state_dict(tensors: Sequence[OutgoingTensor]) -> bytes:
    """Protocol 2, as torch writes it: an OrderedDict from names to tensors on storages 0, 1, 2 ..."""
    parts = [b"\x80\x02", _encode_global("collections", "OrderedDict"), b")R("]
    for key, tensor in enumerate(tensors):
        parts += [_encode_text(tensor.name), _encode_rebuild_call(str(key), tensor)]
    return b"".join([*parts, b"u."])


def _encode_rebuild_call(key: str, tensor: OutgoingTensor) -> bytes:
    count = prod(tensor.shape)
    untyped = tensor.dtype not in STORAGE_CLASSES
    if untyped:
        module, storage = ("torch.storage", "UntypedStorage")
    else:
        module, storage = ("torch", STORAGE_CLASSES[tensor.dtype])
    storage_id = [
        _encode_text("storage"),
        _encode_global(module, storage),
        _encode_text(key),
        _encode_text("cpu"),
        _encode_int(tensor.nbytes if untyped else count),
    ]
    rebuild_function = _encode_global(
        "torch._utils", "_rebuild_tensor_v3" if untyped else "_rebuild_tensor_v2"
    )
    hooks = _encode_global("collections", "OrderedDict") + b")R"
    dtype = _encode_global("torch", tensor.dtype) if untyped else b""
    sides = _encode_ints(tensor.shape) + _encode_ints(contiguous_strides(tensor.shape))
    return b"".join(
        [
            rebuild_function,
            b"((",
            *storage_id,
            b"tQ",
            _encode_int(0),
            sides,
            b"\x89",
            hooks,
            dtype,
            b"tR",
        ]
    )


def _encode_global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _encode_text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _encode_int(value: int) -> bytes:
    if 0 <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def _encode_ints(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(_encode_int, values)) + b"t"
