"""safetensors: an 8-byte length, a JSON header, then the tensors one after another (huggingface/safetensors, README)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from auscult.checkpoint.writers import OutgoingTensor, TensorPiece
from auscult.errors import RecipeError

FORMAT = "safetensors"
SUFFIXES = (".safetensors",)
ALIGNMENT = 8  # the data begin at a multiple of it; the header is padded with spaces

DTYPE_NAMES = {
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
    "bfloat16": "BF16",
    "bool": "BOOL",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
}


def check(tensors: Sequence[OutgoingTensor]) -> None:
    """Raises RecipeError for a dtype or a name that the format does not know."""
    for tensor in tensors:
        if tensor.dtype not in DTYPE_NAMES:
            raise RecipeError(
                "safetensors has no such dtype",
                where=tensor.name,
                found=tensor.dtype,
                hint="choose another with --dtype",
            )
        if tensor.name == "__metadata__":
            raise RecipeError(
                "is a reserved name in safetensors",
                where=tensor.name,
                hint="rename it with --recipe",
            )


def build_header(tensors: Sequence[OutgoingTensor], metadata: Mapping[str, str]) -> bytes:
    """The file up to its first tensor."""
    table: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for tensor in tensors:
        table[tensor.name] = {
            "dtype": DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text


def write(
    out: BinaryIO,
    tensors: Sequence[OutgoingTensor],
    pieces: Iterable[TensorPiece],
    metadata: Mapping[str, str],
) -> None:
    """Write the file."""
    out.write(build_header(tensors, metadata))
    for _, piece in pieces:
        out.write(piece)
