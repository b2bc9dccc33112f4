"""One side of an alignment: its tensors in file order, their fingerprints, and which of them are still without a partner."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from auscult.align.compare import TensorValues
from auscult.align.fingerprint import (
    Fingerprint,
    compute_fingerprint,
    to_native_order,
)
from auscult.align.formats import NumberFormat, get_dtype_name, get_float_format, get_tensor_format
from auscult.align.moves import sort_sides
from auscult.align.small_tensors import SmallTensors
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Array, Checkpoint, Shape, Tensor

MIN_THREADED_SIZE = (
    1 << 15
)  # elements from which a thread of its own pays; below it, Python's own work dominates
MAX_WORKERS = min(8, os.cpu_count() or 1)

Reading = tuple[str, Shape, Fingerprint] | Skip
"""What is noted of a tensor: dtype, shape and fingerprint; or why it could not be read."""

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(compute: Callable[[T], R], items: list[T], sizes: list[int]) -> Iterator[R]:
    """`work` on each item, in order; the large ones in threads (numpy lets go of the interpreter while it computes)."""
    large_indices = [index for index, size in enumerate(sizes) if size >= MIN_THREADED_SIZE]
    if len(large_indices) < 2 or MAX_WORKERS < 2:
        yield from map(compute, items)
        return
    with ThreadPoolExecutor(MAX_WORKERS) as pool:
        # numpy keeps what it ignores in the context, which a thread does not inherit
        futures = {
            index: pool.submit(copy_context().run, compute, items[index]) for index in large_indices
        }
        for index, item in enumerate(items):
            yield futures[index].result() if index in futures else compute(item)


class CheckpointSide:
    """The tensors of one checkpoint and what is known of them.

    Attributes:
        left: Names without a partner so far, in file order.
        skips: Tensors that could not be read.
        small: The small ones, with their elements.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.names = tuple(checkpoint)
        self.position = {name: index for index, name in enumerate(self.names)}
        self.left = dict.fromkeys(self.names)
        self.fingerprints: dict[str, Fingerprint] = {}
        self.kinds: dict[str, str] = {}
        self.shapes: dict[str, Shape] = {}
        self.skips: dict[str, Skip] = {}
        self.small = SmallTensors()

    def tensor(self, name: str) -> Tensor:
        return self.checkpoint[name]

    def array(self, name: str) -> Array:
        """The real values, in native byte order."""
        return to_native_order(self.checkpoint[name].values())

    def values(self, name: str) -> TensorValues:
        """The real values with the format in which the file keeps them."""
        array = self.array(name)
        return TensorValues(array, get_tensor_format(self.checkpoint[name], array))

    def format(self, name: str) -> NumberFormat:
        """The format by dtype alone (an integer format's steps are in `values`)."""
        return get_float_format(self.kinds[name])

    def sides(self, name: str) -> Shape:
        return sort_sides(self.shapes[name])

    def size(self, name: str) -> int:
        return self.fingerprints[name].size

    def list_remaining(self) -> tuple[str, ...]:
        """The names without a partner, as a list that does not change while partners are found."""
        return tuple(self.left)

    def read(self, tick: Callable[[], None]) -> None:
        """Fingerprint every tensor; one that cannot be read becomes a skip."""
        self.small.read(self.checkpoint)
        other_names = [name for name in self.names if name not in self.small.fingerprints]
        other_readings = map_in_threads(
            self._read_tensor, other_names, [self.checkpoint[name].size for name in other_names]
        )
        for name, tensor in self.checkpoint.items():
            fingerprint = self.small.fingerprints.get(name)
            if fingerprint is not None:
                result: Reading = tensor.dtype, tensor.shape, fingerprint
            else:
                result = next(other_readings)
            if isinstance(result, Skip):
                self.skips[name] = result
                self.left.pop(name)
            else:
                self.kinds[name], self.shapes[name], self.fingerprints[name] = result
            tick()
        for skip in self.checkpoint.skips:
            if skip.is_weight and skip.where not in self.position:
                self.skips[skip.where] = skip

    def _read_tensor(self, name: str) -> Reading:
        try:
            array = self.array(name)
            return get_dtype_name(array.dtype), array.shape, compute_fingerprint(array)
        except CheckpointError as error:
            return self._make_skip(name, error)

    def _make_skip(self, name: str, error: CheckpointError) -> Skip:
        return Skip(f"{self.checkpoint.path}: {name}", str(error))


def remove_names(side: CheckpointSide, names: Iterable[str]) -> None:
    """Take names off the list of those without a partner."""
    for name in names:
        side.left.pop(name)


def restore_names(side: CheckpointSide, names: Iterable[str]) -> None:
    """Put names back on the list of those without a partner, which stays in file order."""
    open_names = {*side.left, *names}
    side.left = {name: None for name in side.names if name in open_names}
