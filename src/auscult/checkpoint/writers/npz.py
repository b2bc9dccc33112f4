"""npz: a zip archive of .npy members, uncompressed, as `numpy.savez` and `mlx.core.savez` write it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from auscult.checkpoint.writers import OutgoingTensor, TensorPiece, group_pieces
from auscult.checkpoint.writers.npy import build_npy_header, check_dtypes

FORMAT = "npz"
SUFFIXES = (".npz",)


def check(tensors: Sequence[OutgoingTensor]) -> None:
    """Raises RecipeError for a dtype that numpy itself does not have."""
    check_dtypes(tensors)


def write(
    out: BinaryIO,
    tensors: Sequence[OutgoingTensor],
    pieces: Iterable[TensorPiece],
    metadata: Mapping[str, str],  # noqa: ARG001 - the format has no place for it
) -> None:
    """Write the file."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for tensor, tensor_pieces in group_pieces(tensors, pieces):
            member = zipfile.ZipInfo(f"{tensor.name}.npy")
            with archive.open(
                member, "w", force_zip64=tensor.nbytes >= zipfile.ZIP64_LIMIT - (1 << 16)
            ) as file:
                file.write(build_npy_header(tensor))
                for piece in tensor_pieces:
                    file.write(piece)
