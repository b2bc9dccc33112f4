"""The writers: one file per output format, found by its folder.

A writer has the names

    FORMAT = "npz"                     # as shown to the user
    SUFFIXES = (".npz",)               # a destination with one of these is written so
    def check(tensors) -> None         # raises RecipeError if the format cannot hold them
    def write(out, tensors, pieces, metadata) -> None

`pieces` are (index of the tensor, bytes), the tensors in order and each one's bytes in row-major, little-endian order; a
tensor without elements has none. A writer consumes them one by one and keeps none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from auscult import plugins
from auscult.errors import UsageError
from auscult.weights import Shape

TensorPiece = tuple[int, memoryview]


@dataclass(frozen=True)
class OutgoingTensor:
    """A tensor to be written.

    Attributes:
        dtype: Name of the numpy or ml_dtypes element type.
    """

    name: str
    shape: Shape
    dtype: str
    nbytes: int


class FormatWriter(Protocol):
    """The names that a writer module has."""

    FORMAT: str
    SUFFIXES: tuple[str, ...]

    def check(self, tensors: Sequence[OutgoingTensor]) -> None: ...

    def write(
        self,
        out: BinaryIO,
        tensors: Sequence[OutgoingTensor],
        pieces: Iterable[TensorPiece],
        metadata: Mapping[str, str],
    ) -> None: ...


def iter_writers() -> Iterator[FormatWriter]:
    """All writers, in name order."""
    for module in plugins.import_modules(__name__):
        yield cast(FormatWriter, module)


def find_writer(path: Path) -> FormatWriter:
    """The writer of the format that the destination's suffix asks for.

    Raises:
        UsageError: If no format has that suffix.
    """
    writers_by_suffix = {suffix: writer for writer in iter_writers() for suffix in writer.SUFFIXES}
    if path.suffix.lower() not in writers_by_suffix:
        raise UsageError(
            "cannot tell the output format from this name",
            where=str(path),
            expected=f"a name ending in {', '.join(sorted(writers_by_suffix))}",
            found=path.suffix or "no suffix",
        )
    return writers_by_suffix[path.suffix.lower()]


def group_pieces(
    tensors: Sequence[OutgoingTensor], pieces: Iterable[TensorPiece]
) -> Iterator[tuple[OutgoingTensor, Iterator[memoryview]]]:
    """Each tensor with its own pieces, which must be consumed before the next tensor is asked for."""
    stream = iter(pieces)
    next_piece = next(stream, None)

    def iter_own_pieces(index: int) -> Iterator[memoryview]:
        nonlocal next_piece
        while next_piece is not None and next_piece[0] == index:
            piece = next_piece[1]
            yield piece
            next_piece = next(stream, None)

    for index, tensor in enumerate(tensors):
        yield tensor, iter_own_pieces(index)
