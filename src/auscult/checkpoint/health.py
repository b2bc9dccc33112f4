"""How the values of a checkpoint look: finite, alive, trained. By default on a bounded sample, spread over every tensor.

A sample is honest about itself: each `Health` says how many of the tensor's values were looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import prod, sqrt
from typing import NamedTuple

import numpy as np

from auscult.checkpoint import moments
from auscult.checkpoint.initialisers import fresh_as
from auscult.checkpoint.source import release_pages
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Array, Checkpoint, Tensor

Progress = Callable[[int, int, str], None]

SAMPLE_VALUES = 1 << 20  # of all tensors together
MAX_SAMPLE = 4096  # values of one tensor
MIN_SAMPLE = 64
PIECES = 4  # in which a large tensor's sample is taken
BATCH_VALUES = 1 << 16  # measured in one pass; 512 kB of float64
CHUNK_VALUES = 1 << 18  # read at a time with `full`
RELEASE_EVERY = 16  # tensors after which pages of the file are given back
DEAD_SHARE = 1e-6  # of the typical channel's largest magnitude; a channel below it is dead


class Health(NamedTuple):
    """What was measured on one tensor.

    Attributes:
        seen: Values looked at, of `size`.
        geometric: Geometric mean of the magnitudes of its non-zero values: a scale that one huge value does not move.
        dead: Indices along axis 0 whose values are all below a millionth of the typical channel's peak; empty where
            not all was read.
        channels: Length of axis 0 where all of the tensor was looked at, else 0.
        fresh: The initialiser that the values look to come from, or None.
    """

    seen: int
    size: int
    nan: int = 0
    inf: int = 0
    zeros: int = 0
    minimum: float = 0.0
    maximum: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    kurtosis: float = 0.0
    geometric: float = 0.0
    dead: tuple[int, ...] = ()
    channels: int = 0
    fresh: str | None = None

    @property
    def peak(self) -> float:
        """Largest magnitude."""
        return max(abs(self.minimum), abs(self.maximum))

    @property
    def is_constant(self) -> bool:
        """Whether all finite values seen are one value."""
        return self.size > 1 and self.minimum == self.maximum

    @property
    def is_zero(self) -> bool:
        """Whether all values seen are zero."""
        return self.seen > 0 and self.zeros == self.seen


class Examination(NamedTuple):
    """Health by tensor name, what could not be looked at, and how much was."""

    health: Mapping[str, Health]
    skips: tuple[Skip, ...]
    seen: int
    size: int


def examine(checkpoint: Checkpoint, *, full: bool = False, progress: Progress | None = None) -> Examination:
    """Measure every tensor of a checkpoint.

    Args:
        full: Read all values, in threads, instead of a sample of at most `SAMPLE_VALUES`.
    """
    tensors = list(checkpoint.tensors.values())
    tables, dead, skips = _read_all(tensors, progress) if full else _sample(tensors)
    health = {
        tensor.name: _health(tensor, tables[i], dead.get(i))
        for i, tensor in enumerate(tensors)
        if tables[i, 0] or not tensor.size
    }
    seen = sum(record.seen for record in health.values())
    return Examination(health, tuple(skips), seen, sum(tensor.size for tensor in tensors))


Dead = dict[int, tuple[int, ...]]


def _sample(tensors: list[Tensor]) -> tuple[moments.Table, Dead, list[Skip]]:
    """Evenly spread contiguous pieces of each tensor, measured in batches."""
    limit = min(max(SAMPLE_VALUES // max(len(tensors), 1), MIN_SAMPLE), MAX_SAMPLE)
    tables, dead, skips = moments.empty(len(tensors)), Dead(), list[Skip]()
    pieces: list[Array] = []
    owners: list[int] = []
    held = 0
    for index, tensor in enumerate(tensors):
        try:
            taken = [moments.as_float(tensor.flat(*span)) for span in _spans(tensor.size, limit)]
        except CheckpointError as error:
            skips.append(Skip(tensor.name, str(error)))
            continue
        whole = taken[0] if len(taken) == 1 and tensor.size <= limit else None
        if whole is not None and len(tensor.shape) > 1:
            dead[index] = _dead_rows(tensor, [whole])
        owners += [index] * len(taken)
        pieces += taken
        held += sum(map(len, taken))
        if held >= BATCH_VALUES or index == len(tensors) - 1:
            _flush(tables, pieces, owners)
            pieces, owners, held = [], [], 0
        if index % RELEASE_EVERY == 0:
            release_pages()
    _flush(tables, pieces, owners)
    return tables, dead, skips


def _flush(tables: moments.Table, pieces: list[Array], owners: list[int]) -> None:
    if not pieces:
        return
    starts = np.cumsum([0, *map(len, pieces)])[:-1]
    table = moments.measure(np.concatenate(pieces), starts.tolist())
    owner = np.asarray(owners)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    for row, more in zip(owner[first], np.split(table, first[1:]), strict=True):
        for part in more:
            moments.merge(tables, slice(row, row + 1), part[None])


def _spans(size: int, limit: int) -> Iterator[tuple[int, int]]:
    if size == 0:
        return
    if size <= limit:
        yield 0, size
        return
    pieces = min(PIECES, max(limit // moments.BLOCK, 1))
    length = limit // pieces
    for piece in range(pieces):
        start = (size - length) * piece // max(pieces - 1, 1)
        yield start, start + length


def _read_all(tensors: list[Tensor], progress: Progress | None) -> tuple[moments.Table, Dead, list[Skip]]:
    tables, dead, skips = moments.empty(len(tensors)), Dead(), list[Skip]()
    total = sum(tensor.size for tensor in tensors)
    done = 0
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for index, (tensor, outcome) in enumerate(zip(tensors, pool.map(_read_one, tensors), strict=True)):
            if isinstance(outcome, Skip):
                skips.append(outcome)
            else:
                moments.merge(tables, slice(index, index + 1), outcome[0])
                dead[index] = outcome[1]
            done += tensor.size
            if progress:
                progress(done, total, "reading")
    return tables, dead, skips


def _read_one(tensor: Tensor) -> tuple[moments.Table, tuple[int, ...]] | Skip:
    """All values of a tensor, a few whole rows at a time."""
    table = moments.empty(1)
    width = prod(tensor.shape[1:])
    step = max(CHUNK_VALUES // max(width, 1), 1) * max(width, 1)
    rows: list[Array] = []
    try:
        for start in range(0, tensor.size, step):
            values = moments.as_float(tensor.flat(start, start + step))
            if len(tensor.shape) > 1 and len(values) % width == 0:
                rows.append(np.abs(values).reshape(-1, width).max(axis=1))
            for begin in range(0, len(values), BATCH_VALUES):
                moments.merge(table, slice(0, 1), moments.measure(values[begin : begin + BATCH_VALUES].copy(), [0]))
            if start % (RELEASE_EVERY * step) == 0:
                release_pages()
    except CheckpointError as error:
        return Skip(tensor.name, str(error))
    return table, _low(np.concatenate(rows)) if rows else ()


def _dead_rows(tensor: Tensor, values: Iterable[Array]) -> tuple[int, ...]:
    width = prod(tensor.shape[1:])
    peaks = [np.abs(part).reshape(-1, width).max(axis=1) for part in values if width and len(part) % width == 0]
    return _low(np.concatenate(peaks)) if peaks else ()


def _low(peaks: Array) -> tuple[int, ...]:
    """Indices of rows whose largest magnitude is nothing beside the typical row's; none if all are."""
    if len(peaks) < 2:
        return ()
    finite = peaks[np.isfinite(peaks)]
    # The median, for one huge value would make the others look dead; by hand, for np.median imports numpy.ma.
    typical = float(np.sort(finite)[len(finite) // 2]) if len(finite) else 0.0
    low = np.flatnonzero(peaks <= typical * DEAD_SHARE)
    return tuple(low.tolist()) if len(low) < len(peaks) else ()


def _health(tensor: Tensor, row: moments.Table, dead: tuple[int, ...] | None) -> Health:
    of = dict(zip(moments.COLUMNS, row.tolist(), strict=True))
    count, bad = of["count"], of["nan"] + of["inf"]
    good = count - bad
    if not good:
        return Health(int(count), tensor.size, int(of["nan"]), int(of["inf"]))
    mean, square = of["s1"] / good, of["s2"] / good
    variance = max(square - mean * mean, 0.0)
    constant = of["minimum"] == of["maximum"]
    std = 0.0 if constant else sqrt(variance)
    fourth = of["s4"] / good - 4 * mean * of["s3"] / good + 6 * mean * mean * square - 3 * mean**4
    kurtosis = fourth / variance**2 if std and variance > 0.0 and variance**2 > 0.0 else 0.0
    nonzero = good - of["zeros"]
    geometric = 2.0 ** (of["log"] / nonzero) if nonzero else 0.0
    peak = max(abs(of["minimum"]), abs(of["maximum"]))
    fresh = None
    if std and not bad and tensor.quantization is None and is_float(tensor.dtype):
        fresh = fresh_as(
            shape=tensor.shape, count=count, mean=mean, std=std, kurtosis=kurtosis, peak=peak / std,
            lag=of["lag"] / of["s2"] if of["s2"] else 0.0, unevenness=_unevenness(of, kurtosis),
        )  # fmt: skip
    counts = (min(int(count), tensor.size), tensor.size, int(of["nan"]), int(of["inf"]), int(of["zeros"]))
    channels = tensor.shape[0] if dead is not None and tensor.shape else 0
    shape = (of["minimum"], of["maximum"], mean, std, kurtosis, geometric)
    return Health(*counts, *shape, dead=dead or (), channels=channels, fresh=fresh)


def _unevenness(of: dict[str, float], kurtosis: float) -> float:
    """How far the blocks' mean squares scatter beyond what independent draws of this kurtosis would, in standard errors."""
    blocks = of["blocks"]
    if blocks < 2 or kurtosis <= 1.0 or of["v1"] <= 0.0:
        return 0.0
    mean = of["v1"] / blocks
    scatter = (of["v2"] / blocks / mean**2 - 1.0) * blocks * moments.BLOCK / (kurtosis - 1.0)
    return float((scatter - (blocks - 1)) / sqrt(2.0 * (blocks - 1)))


def is_float(dtype: str) -> bool:
    """Whether a dtype's name is that of a floating-point type."""
    return dtype.startswith(("float", "bfloat"))
