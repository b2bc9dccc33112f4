"""How the values of a checkpoint look: finite, alive, trained. By default on a bounded sample, spread over every tensor.

A sample is honest about itself: each `Health` says how many of the tensor's values were looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite, prod, sqrt
from typing import NamedTuple

from auscult.checkpoint import glance
from auscult.checkpoint.initialisers import fresh_as
from auscult.checkpoint.source import release_pages
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Checkpoint, Tensor

Progress = Callable[[int, int, str], None]

WEIGHT_SAMPLE = 1024  # values of a weight at first sight
SECOND_LOOK = 8192  # values of a weight that looks fresh at first sight
MAX_WEIGHTS = 512  # looked at so closely; of the others, and of vectors, a few values
VECTOR_SAMPLE = 512
LEAST_SAMPLE = 64
PIECE = 256  # values; a piece is one block, so that a sample meets many rows
BATCH_VALUES = 1 << 16  # measured in one pass with `full`; 512 kB of float64
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


def examine(
    checkpoint: Checkpoint, *, full: bool = False, progress: Progress | None = None
) -> Examination:
    """Measure every tensor of a checkpoint.

    Args:
        full: Read all values, in threads, instead of a sample of some thousand per weight.
    """
    tensors = list(checkpoint.tensors.values())
    outcomes = _read_all(tensors, progress) if full else _sample(tensors)
    health: dict[str, Health] = {}
    skips: list[Skip] = []
    for tensor, outcome in zip(tensors, outcomes, strict=True):
        if isinstance(outcome, Skip):
            skips.append(outcome)
        else:
            health[tensor.name] = _health(tensor, *outcome)
    seen = sum(record.seen for record in health.values())
    return Examination(health, tuple(skips), seen, sum(tensor.size for tensor in tensors))


Outcome = tuple[glance.Sums, tuple[int, ...] | None] | Skip
"""Sums and dead channels (None where they were not looked for), or why there are none."""


def _sample(tensors: list[Tensor]) -> Iterator[Outcome]:
    """Evenly spread contiguous pieces of each tensor."""
    weights = [
        tensor.name for tensor in tensors if len(tensor.shape) > 1 and tensor.size > VECTOR_SAMPLE
    ]
    chosen = set(weights[:: -(-len(weights) // MAX_WEIGHTS)] if weights else ())
    brief = VECTOR_SAMPLE if len(tensors) <= MAX_WEIGHTS * 4 else LEAST_SAMPLE
    for index, tensor in enumerate(tensors):
        closely = tensor.name in chosen
        limit = WEIGHT_SAMPLE if closely else brief
        try:
            pieces = [glance.values_of(tensor, *span) for span in _spans(tensor.size, limit)]
        except CheckpointError as error:
            yield Skip(tensor.name, str(error))
            continue
        whole = tensor.size <= limit and len(tensor.shape) > 1
        dead = _low(glance.row_peaks(tensor, pieces[0])) if whole and pieces else None
        sums = glance.measure(pieces or [[]], closely=closely)
        if closely and tensor.size > limit and _health(tensor, sums, None).fresh:
            pieces = [glance.values_of(tensor, *span) for span in _spans(tensor.size, SECOND_LOOK)]
            sums = glance.measure(pieces, closely=True)
        yield sums, dead
        if index % RELEASE_EVERY == 0:
            release_pages()


def _spans(size: int, limit: int) -> Iterator[tuple[int, int]]:
    if size <= limit:
        yield from ((0, size),) if size else ()
        return
    pieces = max(limit // PIECE, 1)
    length = limit // pieces
    for piece in range(pieces):
        start = (size - length) * piece // max(pieces - 1, 1)
        yield start, start + length


def _low(peaks: Sequence[float]) -> tuple[int, ...]:
    """Indices of rows whose largest magnitude is nothing beside the typical row's; none if all are."""
    finite = sorted(filter(isfinite, peaks))
    if len(peaks) < 2 or not finite:
        return ()
    # the median, for one huge value would make the others look dead
    least = finite[len(finite) // 2] * DEAD_SHARE
    low = tuple(index for index, peak in enumerate(peaks) if peak <= least)
    return low if len(low) < len(peaks) else ()


def _read_all(tensors: list[Tensor], progress: Progress | None) -> Iterator[Outcome]:
    from concurrent.futures import ThreadPoolExecutor

    total = sum(tensor.size for tensor in tensors)
    done = 0
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for tensor, outcome in zip(tensors, pool.map(_read_one, tensors), strict=True):
            yield outcome
            done += tensor.size
            if progress:
                progress(done, total, "reading")


def _read_one(tensor: Tensor) -> Outcome:
    """All values of a tensor, a few whole rows at a time."""
    from auscult.checkpoint import moments

    table = moments.empty()
    width = prod(tensor.shape[1:])
    step = max(CHUNK_VALUES // max(width, 1), 1) * max(width, 1)
    peaks: list[float] = []
    try:
        for start in range(0, tensor.size, step):
            values = moments.as_float(tensor.flat(start, start + step))
            if len(tensor.shape) > 1 and len(values) % width == 0:
                peaks += moments.row_peaks(values, width)
            for begin in range(0, len(values), BATCH_VALUES):
                moments.merge(table, moments.measure(values[begin : begin + BATCH_VALUES]))
            if start % (RELEASE_EVERY * step) == 0:
                release_pages()
    except CheckpointError as error:
        return Skip(tensor.name, str(error))
    return table, _low(peaks) if len(tensor.shape) > 1 else None


def _health(tensor: Tensor, of: glance.Sums, dead: tuple[int, ...] | None) -> Health:
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
    counts = (
        min(int(count), tensor.size),
        tensor.size,
        int(of["nan"]),
        int(of["inf"]),
        int(of["zeros"]),
    )
    channels = tensor.shape[0] if dead is not None and tensor.shape else 0
    shape = (of["minimum"], of["maximum"], mean, std, kurtosis, geometric)
    return Health(*counts, *shape, dead=dead or (), channels=channels, fresh=fresh)


def _unevenness(of: dict[str, float], kurtosis: float) -> float:
    """How far the blocks' mean squares scatter beyond what independent draws of this kurtosis would, in standard errors."""
    blocks = of["blocks"]
    if blocks < 2 or kurtosis <= 1.0 or of["v1"] <= 0.0:
        return 0.0
    mean = of["v1"] / blocks
    scatter = (of["v2"] / blocks / mean**2 - 1.0) * blocks * glance.BLOCK / (kurtosis - 1.0)
    return float((scatter - (blocks - 1)) / sqrt(2.0 * (blocks - 1)))


def is_float(dtype: str) -> bool:
    """Whether a dtype's name is that of a floating-point type."""
    return dtype.startswith(("float", "bfloat"))
