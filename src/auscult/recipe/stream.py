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
from auscult.checkpoint.writers import OutgoingTensor, TensorPiece
from auscult.facts.progress import Progress
from auscult.recipe.blocks import iter_block_slices
from auscult.recipe.entry import Entry
from auscult.recipe.lazy import get_element_type
from auscult.recipe.memory import (
    BLOCK_BYTES,
    BlockBuffers,
    iter_bytes,
    release_memory,
    to_little_endian,
)
from auscult.recipe.ops.permute import Permute
from auscult.recipe.proof import EntryProof, Proof, make_failure_error, prove_entry
from auscult.recipe.recipe import Recipe
from auscult.verdict import Equality
from auscult.weights import Array, Checkpoint, Tensor

MAX_AHEAD_BYTES = 48 << 20
BATCH_BYTES = 1 << 20
MAX_WORKERS = 4
BLOCKWISE_OPS = frozenset(("permute", "cast", "byteswap", "log", "exp"))
"""Operations that act on each element or only move axes, so that a slice of the target needs a slice of the source."""


@dataclass(frozen=True)
class _TaskResult:
    """What one task gives: pieces of targets (by their index in the file), and the proof of its entry's part."""

    arrays: tuple[tuple[int, Array], ...]
    proofs: tuple[tuple[int, EntryProof], ...]
    spent: tuple[Array, ...] = ()


@dataclass(frozen=True)
class _StreamTask:
    """Work for one thread; `cost` is about the bytes that it holds."""

    cost: int
    run: Callable[[], _TaskResult]


@dataclass
class RecipeStream:
    """The targets of a bound recipe in file order, with their bytes and, once these were consumed, the proof.

    Args:
        recipe: Bound to `checkpoint` (`Recipe.bind`).
        progress: Called with (bytes done, bytes in all, tensor name).
    """

    recipe: Recipe
    checkpoint: Checkpoint
    progress: Progress | None = None
    entries: list[Entry] = field(init=False)
    tensors: list[OutgoingTensor] = field(init=False)
    _proofs: dict[int, EntryProof] = field(init=False, default_factory=dict)
    _first_targets: list[int] = field(init=False, default_factory=list)
    _buffers: BlockBuffers = field(init=False, default_factory=BlockBuffers)

    def __post_init__(self) -> None:
        listed = [(entry, self._list_outgoing(entry)) for entry in self.recipe.entries]
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
            self._first_targets.append(start)
            start += len(targets)

    def proof(self) -> Proof:
        """The proof of every entry, in the recipe's order.

        Raises:
            RecipeError: If an entry did not survive.
        """
        order = {id(entry): position for position, entry in enumerate(self.recipe.entries)}
        ordered = sorted(self._proofs.items(), key=lambda item: order[id(self.entries[item[0]])])
        return Proof(tuple(proof for _, proof in ordered)).require()

    def pieces(self) -> Iterator[TensorPiece]:
        """The bytes of all tensors in order; a piece is valid until the next one is asked for.

        Raises:
            RecipeError: As soon as an entry does not fit or does not survive its round trip.
        """
        done, total = 0, sum(tensor.nbytes for tensor in self.tensors)
        for result in _run_in_order(self._iter_tasks()):
            for index, proof in result.proofs:
                self._note(index, proof)
            for target, array in result.arrays:
                for piece in iter_bytes(array):
                    yield target, piece
                    done += len(piece)
                    if self.progress is not None:
                        self.progress(done, total, self.tensors[target].name)
            release_memory(result.spent)
            for _, array in result.arrays:
                self._buffers.give_back(array)

    def _note(self, index: int, proof: EntryProof) -> None:
        if proof.equality is Equality.DIFFERENT:
            raise make_failure_error([proof])
        known_proof = self._proofs.get(index)
        if known_proof is not None:
            worse = max(known_proof, proof, key=lambda entry_proof: entry_proof.error)
            proof = replace(worse, equality=_pick_worse(known_proof.equality, proof.equality))
        self._proofs[index] = proof

    def _list_outgoing(self, entry: Entry) -> list[OutgoingTensor]:
        sources = [self.checkpoint[name] for name in entry.sources]
        shapes = entry.target_shapes([tensor.shape for tensor in sources])
        dtypes = entry.target_dtypes([get_element_type(tensor) for tensor in sources])
        return [
            OutgoingTensor(name, shape, dtype, prod(shape) * dtype_of(dtype).itemsize)
            for name, shape, dtype in zip(entry.targets, shapes, dtypes, strict=True)
        ]

    def _iter_tasks(self) -> Iterator[_StreamTask]:
        """One task for a batch of small entries, a large entry, or a block of one."""
        batch: list[int] = []
        batch_cost = 0
        for index, entry in enumerate(self.entries):
            cost = self._estimate_cost(index)
            if cost >= BATCH_BYTES and batch:
                yield self._make_whole_task(batch, batch_cost)
                batch, batch_cost = [], 0
            if cost < BATCH_BYTES:
                batch.append(index)
                batch_cost += cost
                if batch_cost >= BATCH_BYTES:
                    yield self._make_whole_task(batch, batch_cost)
                    batch, batch_cost = [], 0
            elif entry.ops and is_blockwise(entry):
                yield from self._blocks(index)
            else:
                yield self._make_whole_task([index], cost)
        if batch:
            yield self._make_whole_task(batch, batch_cost)

    def _estimate_cost(self, index: int) -> int:
        entry = self.entries[index]
        targets = self.tensors[
            self._first_targets[index] : self._first_targets[index] + len(entry.targets)
        ]
        if not entry.ops:
            return sum(tensor.nbytes for tensor in targets)  # mapped, not copied
        return sum(tensor.nbytes for tensor in targets) + sum(
            self.checkpoint[name].nbytes for name in entry.sources
        )

    def _make_whole_task(self, indices: list[int], cost: int) -> _StreamTask:
        def run_entries() -> _TaskResult:
            arrays: list[tuple[int, Array]] = []
            proofs: list[tuple[int, EntryProof]] = []
            spent: list[Array] = []
            for index in indices:
                entry = self.entries[index]
                sources = [
                    to_little_endian(self.checkpoint[name].numpy()) for name in entry.sources
                ]
                targets, proof = prove_entry(entry, sources)
                arrays += [
                    (self._first_targets[index] + i, array) for i, array in enumerate(targets)
                ]
                proofs.append((index, proof))
                spent += sources
            return _TaskResult(tuple(arrays), tuple(proofs), tuple(spent))

        return _StreamTask(cost, run_entries)

    def _blocks(self, index: int) -> Iterator[_StreamTask]:
        entry, target = self.entries[index], self._first_targets[index]
        source = self.checkpoint[entry.sources[0]]
        axis = find_source_axis(entry)
        block_items = BLOCK_BYTES // dtype_of(get_element_type(source)).itemsize
        lazy_source = _LazyArray(source)

        def make_block_run(block_index: tuple[slice, ...]) -> Callable[[], _TaskResult]:
            def run_block() -> _TaskResult:
                # A compact copy first: rows that lie a multiple of 4 KiB apart fall on the same cache lines.
                part = lazy_source.array()[block_index]
                if part.flags.c_contiguous:
                    compact = part
                else:
                    compact = self._buffers.copied(part)
                (result,), proof = prove_entry(_make_contiguous(entry, self._buffers), [compact])
                if compact is not part:
                    self._buffers.give_back(compact)
                return _TaskResult(((target, result),), ((index, replace(proof, entry=entry)),))

            return run_block

        block_indices = list(iter_block_slices(source.shape, axis, block_items))
        for block_index in block_indices:
            yield _StreamTask(2 * BLOCK_BYTES, make_block_run(block_index))
        yield _StreamTask(0, lambda: _TaskResult((), (), (lazy_source.array(),)))


@dataclass
class _LazyArray:
    """A tensor's array, asked for once."""

    tensor: Tensor
    _array: Array | None = None

    def array(self) -> Array:
        if self._array is None:
            self._array = to_little_endian(self.tensor.numpy())
        return self._array


def is_blockwise(entry: Entry) -> bool:
    """Whether a slice of the target's first axis needs only a slice of the one source."""
    is_single = len(entry.sources) == len(entry.targets) == 1
    return (
        is_single
        and entry.shapes is not None
        and len(entry.shapes[0]) > 0
        and all(op.op in BLOCKWISE_OPS for op in entry.ops)
    )


def find_source_axis(entry: Entry) -> int:
    """The axis of the source that becomes the target's first."""
    axis = 0
    for op in reversed(entry.ops):
        if isinstance(op, Permute):
            axis = op.axes[axis]
    return axis


@dataclass(frozen=True)
class _ContiguousPermute(Permute):
    """Permute whose result is written out, so that what is proven is what is written and not a view of the source."""

    buffers: BlockBuffers | None = None

    def apply(self, arrays: Iterable[Array]) -> list[Array]:
        views = [array.transpose(self.axes) for array in arrays]
        return [
            np.ascontiguousarray(view) if self.buffers is None else self.buffers.copied(view)
            for view in views
        ]


def _make_contiguous(entry: Entry, buffers: BlockBuffers) -> Entry:
    """The entry with its permutations written out. Only a result that is itself written may be lent: it comes back."""
    lent_buffers = buffers if len(entry.ops) == 1 else None
    return replace(
        entry,
        ops=tuple(
            _ContiguousPermute(op.axes, lent_buffers) if isinstance(op, Permute) else op
            for op in entry.ops
        ),
    )


def _pick_worse(a: Equality, b: Equality) -> Equality:
    order = (Equality.EXACT, Equality.CLOSE, Equality.DIFFERENT)
    return max(a, b, key=order.index)


def _run_in_order(tasks: Iterator[_StreamTask]) -> Iterator[_TaskResult]:
    """Results in the order of the tasks, computed ahead by a few threads within a budget of memory."""
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    pending: deque[tuple[int, Future[_TaskResult]]] = deque()
    pending_cost = 0
    next_task = next(tasks, None)
    with ThreadPoolExecutor(workers, thread_name_prefix="auscult") as pool:
        try:
            while next_task is not None or pending:
                while next_task is not None and (
                    not pending or pending_cost + next_task.cost <= MAX_AHEAD_BYTES
                ):
                    pending.append((next_task.cost, pool.submit(next_task.run)))
                    pending_cost += next_task.cost
                    next_task = next(tasks, None)
                cost, future = pending.popleft()
                result = future.result()
                del future
                yield result
                del result
                pending_cost -= cost
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
