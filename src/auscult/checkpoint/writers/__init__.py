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

Piece = tuple[int, memoryview]


@dataclass(frozen=True)
class Outgoing:
    """A tensor to be written.

    Attributes:
        dtype: Name of the numpy or ml_dtypes element type.
    """

    name: str
    shape: Shape
    dtype: str
    nbytes: int


class Writer(Protocol):
    """The names that a writer module has."""

    FORMAT: str
    SUFFIXES: tuple[str, ...]

    def check(self, tensors: Sequence[Outgoing]) -> None: ...

    def write(
        self,
        out: BinaryIO,
        tensors: Sequence[Outgoing],
        pieces: Iterable[Piece],
        metadata: Mapping[str, str],
    ) -> None: ...


def writers() -> Iterator[Writer]:
    """All writers, in name order."""
    for module in plugins.modules(__name__):
        yield cast(Writer, module)


def writer_for(path: Path) -> Writer:
    """The writer of the format that the destination's suffix asks for.

    Raises:
        UsageError: If no format has that suffix.
    """
    known = {suffix: writer for writer in writers() for suffix in writer.SUFFIXES}
    if path.suffix.lower() not in known:
        raise UsageError(
            "cannot tell the output format from this name",
            where=str(path),
            expected=f"a name ending in {', '.join(sorted(known))}",
            found=path.suffix or "no suffix",
        )
    return known[path.suffix.lower()]


def grouped(
    tensors: Sequence[Outgoing], pieces: Iterable[Piece]
) -> Iterator[tuple[Outgoing, Iterator[memoryview]]]:
    """Each tensor with its own pieces, which must be consumed before the next tensor is asked for."""
    stream = iter(pieces)
    ahead = next(stream, None)

    def own(index: int) -> Iterator[memoryview]:
        nonlocal ahead
        while ahead is not None and ahead[0] == index:
            piece = ahead[1]
            yield piece
            ahead = next(stream, None)

    for index, tensor in enumerate(tensors):
        yield tensor, own(index)
