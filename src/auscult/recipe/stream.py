"""A recipe run as a stream: each piece of a target is computed, proven and handed on before the next one is needed.

Tensors that stay as they are come straight from the mapped file. Operations that work position by position along the
target's first axis (permutations, casts) run on blocks of it, so that a block is read, transformed, proven by its way back
and written while it is in the cache. Everything else runs a whole entry at a time. A few threads work ahead, but never
by more than `AHEAD` bytes, nor past an entry that is larger than that.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from auscult.checkpoint.source import dtype_of
from auscult.checkpoint.writers import Outgoing, Piece
from auscult.recipe.blocks import block_slices
from auscult.recipe.entry import Entry
from auscult.recipe.lazy import element_type
from auscult.recipe.memory import BLOCK_BYTES, Buffers, bytes_of, native, release
from auscult.recipe.ops.permute import Permute
from auscult.recipe.proof import EntryProof, Proof, failure, prove_entry
from auscult.recipe.recipe import Recipe
from auscult.verdict import Equality
from auscult.weights import Array, Checkpoint, Tensor

AHEAD = 48 << 20
BATCH_BYTES = 1 << 20
MAX_WORKERS = 4
BLOCKWISE = frozenset(("permute", "cast", "byteswap", "log", "exp"))
"""Operations that act on each element or only move axes, so that a slice of the target needs a slice of the source."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Result:
    """What one task gives: pieces of targets (by their index in the file), and the proof of its entry's part."""

    arrays: tuple[tuple[int, Array], ...]
    proofs: tuple[tuple[int, EntryProof], ...]
    spent: tuple[Array, ...] = ()


@dataclass(frozen=True)
class _Task:
    """Work for one thread; `cost` is about the bytes that it holds."""

    cost: int
    run: Callable[[], _Result]


@dataclass
class Stream:
    """The targets of a bound recipe in file order, with their bytes and, once these were consumed, the proof.

    Args:
        recipe: Bound to `checkpoint` (`Recipe.bind`).
        progress: Called with (bytes done, bytes in all, tensor name).
    """

    recipe: Recipe
    checkpoint: Checkpoint
    progress: Progress | None = None
    entries: list[Entry] = field(init=False)
    tensors: list[Outgoing] = field(init=False)
    _proofs: dict[int, EntryProof] = field(init=False, default_factory=dict)
    _first: list[int] = field(init=False, default_factory=list)
    _buffers: Buffers = field(init=False, default_factory=Buffers)

    def __post_init__(self) -> None:
        listed = [(entry, self._outgoing(entry)) for entry in self.recipe.entries]
        # Wider elements first, so that every tensor is aligned in files that pack them.
        listed.sort(
            key=lambda pair: (
                -max((dtype_of(tensor.dtype).itemsize for tensor in pair[1]), default=0)
            )
        )
        self.entries = [entry for entry, _ in listed]
        self.tensors = [tensor for _, targets in listed for tensor in targets]
        start = 0
        for _, targets in listed:
            self._first.append(start)
            start += len(targets)

    def proof(self) -> Proof:
        """The proof of every entry, in the recipe's order.

        Raises:
            RecipeError: If an entry did not survive.
        """
        order = {id(entry): place for place, entry in enumerate(self.recipe.entries)}
        ordered = sorted(self._proofs.items(), key=lambda item: order[id(self.entries[item[0]])])
        return Proof(tuple(proof for _, proof in ordered)).require()

    def pieces(self) -> Iterator[Piece]:
        """The bytes of all tensors in order; a piece is valid until the next one is asked for.

        Raises:
            RecipeError: As soon as an entry does not fit or does not survive its round trip.
        """
        done, total = 0, sum(tensor.nbytes for tensor in self.tensors)
        for result in _ordered(self._tasks()):
            for index, proof in result.proofs:
                self._note(index, proof)
            for target, array in result.arrays:
                for piece in bytes_of(array):
                    yield target, piece
                    done += len(piece)
                    if self.progress is not None:
                        self.progress(done, total, self.tensors[target].name)
            release(result.spent)
            for _, array in result.arrays:
                self._buffers.give_back(array)

    def _note(self, index: int, proof: EntryProof) -> None:
        if proof.equality is Equality.DIFFERENT:
            raise failure([proof])
        known = self._proofs.get(index)
        if known is not None:
            worse = max(known, proof, key=lambda each: each.error)
            proof = replace(worse, equality=_worse(known.equality, proof.equality))
        self._proofs[index] = proof

    def _outgoing(self, entry: Entry) -> list[Outgoing]:
        sources = [self.checkpoint[name] for name in entry.sources]
        shapes = entry.target_shapes([tensor.shape for tensor in sources])
        dtypes = entry.target_dtypes([element_type(tensor) for tensor in sources])
        return [
            Outgoing(name, shape, dtype, prod(shape) * dtype_of(dtype).itemsize)
            for name, shape, dtype in zip(entry.targets, shapes, dtypes, strict=True)
        ]

    def _tasks(self) -> Iterator[_Task]:
        """One task for a batch of small entries, a large entry, or a block of one."""
        batch: list[int] = []
        held = 0
        for index, entry in enumerate(self.entries):
            cost = self._cost(index)
            if cost >= BATCH_BYTES and batch:
                yield self._whole(batch, held)
                batch, held = [], 0
            if cost < BATCH_BYTES:
                batch.append(index)
                held += cost
                if held >= BATCH_BYTES:
                    yield self._whole(batch, held)
                    batch, held = [], 0
            elif entry.ops and is_blockwise(entry):
                yield from self._blocks(index)
            else:
                yield self._whole([index], cost)
        if batch:
            yield self._whole(batch, held)

    def _cost(self, index: int) -> int:
        entry = self.entries[index]
        targets = self.tensors[self._first[index] : self._first[index] + len(entry.targets)]
        if not entry.ops:
            return sum(tensor.nbytes for tensor in targets)  # mapped, not copied
        return sum(tensor.nbytes for tensor in targets) + sum(
            self.checkpoint[name].nbytes for name in entry.sources
        )

    def _whole(self, indices: list[int], cost: int) -> _Task:
        def run() -> _Result:
            arrays: list[tuple[int, Array]] = []
            proofs: list[tuple[int, EntryProof]] = []
            spent: list[Array] = []
            for index in indices:
                entry = self.entries[index]
                sources = [native(self.checkpoint[name].numpy()) for name in entry.sources]
                targets, proof = prove_entry(entry, sources)
                arrays += [(self._first[index] + i, array) for i, array in enumerate(targets)]
                proofs.append((index, proof))
                spent += sources
            return _Result(tuple(arrays), tuple(proofs), tuple(spent))

        return _Task(cost, run)

    def _blocks(self, index: int) -> Iterator[_Task]:
        entry, target = self.entries[index], self._first[index]
        source = self.checkpoint[entry.sources[0]]
        axis = source_axis(entry)
        items = BLOCK_BYTES // dtype_of(element_type(source)).itemsize
        whole = _Lazy(source)

        def block(cut: tuple[slice, ...]) -> Callable[[], _Result]:
            def run() -> _Result:
                # A compact copy first: rows that lie a multiple of 4 KiB apart fall on the same cache lines.
                part = whole.array()[cut]
                compact = part if part.flags.c_contiguous else self._buffers.copied(part)
                (result,), proof = prove_entry(_contiguous(entry, self._buffers), [compact])
                if compact is not part:
                    self._buffers.give_back(compact)
                return _Result(((target, result),), ((index, replace(proof, entry=entry)),))

            return run

        cuts = list(block_slices(source.shape, axis, items))
        for cut in cuts:
            yield _Task(2 * BLOCK_BYTES, block(cut))
        yield _Task(0, lambda: _Result((), (), (whole.array(),)))


@dataclass
class _Lazy:
    """A tensor's array, asked for once."""

    tensor: Tensor
    _array: Array | None = None

    def array(self) -> Array:
        if self._array is None:
            self._array = native(self.tensor.numpy())
        return self._array


def is_blockwise(entry: Entry) -> bool:
    """Whether a slice of the target's first axis needs only a slice of the one source."""
    one = len(entry.sources) == len(entry.targets) == 1
    return (
        one
        and entry.shapes is not None
        and len(entry.shapes[0]) > 0
        and all(op.op in BLOCKWISE for op in entry.ops)
    )


def source_axis(entry: Entry) -> int:
    """The axis of the source that becomes the target's first."""
    axis = 0
    for op in reversed(entry.ops):
        if isinstance(op, Permute):
            axis = op.axes[axis]
    return axis


@dataclass(frozen=True)
class _Contiguous(Permute):
    """Permute whose result is written out, so that what is proven is what is written and not a view of the source."""

    buffers: Buffers | None = None

    def apply(self, arrays: Iterable[Array]) -> list[Array]:
        views = [array.transpose(self.axes) for array in arrays]
        return [
            np.ascontiguousarray(view) if self.buffers is None else self.buffers.copied(view)
            for view in views
        ]


def _contiguous(entry: Entry, buffers: Buffers) -> Entry:
    """The entry with its permutations written out. Only a result that is itself written may be lent: it comes back."""
    lent = buffers if len(entry.ops) == 1 else None
    return replace(
        entry,
        ops=tuple(
            _Contiguous(op.axes, lent) if isinstance(op, Permute) else op for op in entry.ops
        ),
    )


def _worse(a: Equality, b: Equality) -> Equality:
    order = (Equality.EXACT, Equality.CLOSE, Equality.DIFFERENT)
    return max(a, b, key=order.index)


def _ordered(tasks: Iterator[_Task]) -> Iterator[_Result]:
    """Results in the order of the tasks, computed ahead by a few threads within a budget of memory."""
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    waiting: deque[tuple[int, Future[_Result]]] = deque()
    held = 0
    upcoming = next(tasks, None)
    with ThreadPoolExecutor(workers, thread_name_prefix="auscult") as pool:
        try:
            while upcoming is not None or waiting:
                while upcoming is not None and (not waiting or held + upcoming.cost <= AHEAD):
                    waiting.append((upcoming.cost, pool.submit(upcoming.run)))
                    held += upcoming.cost
                    upcoming = next(tasks, None)
                cost, future = waiting.popleft()
                result = future.result()
                del future
                yield result
                del result
                held -= cost
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
