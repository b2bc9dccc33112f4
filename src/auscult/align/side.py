"""One side of an alignment: its tensors in file order, their fingerprints, and which of them are still without a partner."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from auscult.align.compare import Values
from auscult.align.fingerprint import Print, fingerprint, native
from auscult.align.formats import Format, float_format, format_of, name_of
from auscult.align.moves import sides
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Array, Checkpoint, Shape, Tensor

LARGE = (
    1 << 15
)  # elements from which a thread of its own pays; below it, Python's own work dominates
WORKERS = min(8, os.cpu_count() or 1)

Progress = Callable[[int, int, str], None]
T = TypeVar("T")
R = TypeVar("R")


def in_threads(work: Callable[[T], R], items: list[T], sizes: list[int]) -> Iterator[R]:
    """`work` on each item, in order; the large ones in threads (numpy lets go of the interpreter while it computes)."""
    large = [index for index, size in enumerate(sizes) if size >= LARGE]
    if len(large) < 2 or WORKERS < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        # numpy keeps what it ignores in the context, which a thread does not inherit
        running = {index: pool.submit(copy_context().run, work, items[index]) for index in large}
        for index, item in enumerate(items):
            yield running[index].result() if index in running else work(item)


class Side:
    """The tensors of one checkpoint and what is known of them.

    Attributes:
        left: Names without a partner so far, in file order.
        skips: Tensors that could not be read.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.names = tuple(checkpoint)
        self.position = {name: index for index, name in enumerate(self.names)}
        self.left = dict.fromkeys(self.names)
        self.prints: dict[str, Print] = {}
        self.kinds: dict[str, str] = {}
        self.shapes: dict[str, Shape] = {}
        self.skips: dict[str, Skip] = {}

    def tensor(self, name: str) -> Tensor:
        return self.checkpoint[name]

    def array(self, name: str) -> Array:
        """The real values, in native byte order."""
        return native(self.checkpoint[name].values())

    def values(self, name: str) -> Values:
        """The real values with the format in which the file keeps them."""
        array = self.array(name)
        return Values(array, format_of(self.checkpoint[name], array))

    def format(self, name: str) -> Format:
        """The format by dtype alone (an integer format's steps are in `values`)."""
        return float_format(self.kinds[name])

    def sides(self, name: str) -> Shape:
        return sides(self.shapes[name])

    def size(self, name: str) -> int:
        return self.prints[name].size

    def remaining(self) -> tuple[str, ...]:
        """The names without a partner, as a list that does not change while partners are found."""
        return tuple(self.left)

    def read(self, tick: Callable[[], None]) -> None:
        """Fingerprint every tensor; one that cannot be read becomes a skip."""
        sizes = [self.checkpoint[name].size for name in self.names]
        for name, result in zip(
            self.names, in_threads(self._look, list(self.names), sizes), strict=True
        ):
            if isinstance(result, Skip):
                self.skips[name] = result
                self.left.pop(name)
            else:
                self.kinds[name], self.shapes[name], self.prints[name] = result
            tick()

    def _look(self, name: str) -> tuple[str, Shape, Print] | Skip:
        try:
            array = self.array(name)
            return name_of(array.dtype), array.shape, fingerprint(array)
        except CheckpointError as error:
            return Skip(f"{self.checkpoint.path}: {name}", str(error))


def take(side: Side, names: Iterable[str]) -> None:
    """Take names off the list of those without a partner."""
    for name in names:
        side.left.pop(name)
