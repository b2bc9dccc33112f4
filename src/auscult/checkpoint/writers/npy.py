"""npy: one array with its header (numpy, NEP 1)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

import numpy as np

from auscult.checkpoint.source import ML_DTYPES
from auscult.checkpoint.writers import OutgoingTensor, TensorPiece
from auscult.errors import RecipeError

FORMAT = "npy"
SUFFIXES = (".npy",)


def check(tensors: Sequence[OutgoingTensor]) -> None:
    """Raises RecipeError unless there is just one tensor, of a dtype that numpy itself has."""
    check_dtypes(tensors)
    if len(tensors) != 1:
        raise RecipeError(
            "an .npy file holds one tensor",
            where="npy",
            expected=1,
            found=len(tensors),
            hint="write .npz or .safetensors",
        )


def check_dtypes(tensors: Sequence[OutgoingTensor]) -> None:
    """Raises RecipeError for a dtype that numpy itself does not have: its readers would see raw bytes."""
    for tensor in tensors:
        if tensor.dtype in ML_DTYPES:
            hint = "give --dtype float32, or write .safetensors"
            raise RecipeError(
                "numpy's files have no such dtype", where=tensor.name, found=tensor.dtype, hint=hint
            )


def build_npy_header(tensor: OutgoingTensor) -> bytes:
    """Magic, version and dictionary."""
    buffer = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(np.dtype(tensor.dtype).newbyteorder("<"))
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": descr, "fortran_order": False, "shape": tensor.shape}
    )
    return buffer.getvalue()


def write(
    out: BinaryIO,
    tensors: Sequence[OutgoingTensor],
    pieces: Iterable[TensorPiece],
    metadata: Mapping[str, str],  # noqa: ARG001 - the format has no place for it
) -> None:
    """Write the file."""
    out.write(build_npy_header(tensors[0]))
    for _, piece in pieces:
        out.write(piece)
