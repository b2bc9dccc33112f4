"""How the values of a checkpoint look: finite, alive, trained. By default on a bounded sample, spread over every tensor.

A sample is honest about itself: each `Health` says how many of the tensor's values were looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, prod, sqrt
from typing import NamedTuple

from auscult.checkpoint import glance
from auscult.checkpoint.initialisers import recognise_initialiser
from auscult.checkpoint.source import release_pages
from auscult.errors import CheckpointError
from auscult.facts.progress import Progress
from auscult.finding import Skip
from auscult.weights import Checkpoint, Tensor

WEIGHT_SAMPLE = 1024  # values of a weight at first sight
SECOND_SAMPLE = 8192  # values of a weight that looks fresh at first sight
MAX_CLOSE_WEIGHTS = 512  # looked at so closely; of the others, and of vectors, a few values
VECTOR_SAMPLE = 512
MIN_SAMPLE = 64
PIECE_VALUES = 256  # values; a piece is one block, so that a sample meets many rows
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


def examine_checkpoint(
    checkpoint: Checkpoint, *, full: bool = False, progress: Progress | None = None
) -> Examination:
    """Measure every tensor of a checkpoint.

    Args:
        full: Read all values, in threads, instead of a sample of some thousand per weight.
    """
    tensors = list(checkpoint.tensors.values())
    if full:
        outcomes = _measure_all_tensors(tensors, progress)
    else:
        outcomes = _sample_tensors(tensors)
    health: dict[str, Health] = {}
    skips: list[Skip] = []
    for tensor, outcome in zip(tensors, outcomes, strict=True):
        if isinstance(outcome, Skip):
            skips.append(outcome)
        else:
            health[tensor.name] = _build_health(tensor, *outcome)
    sampled_values = sum(record.seen for record in health.values())
    return Examination(health, tuple(skips), sampled_values, sum(tensor.size for tensor in tensors))


MeasureOutcome = tuple[glance.ValueSums, tuple[int, ...] | None] | Skip
"""Sums and dead channels (None where they were not looked for), or why there are none."""


def _sample_tensors(tensors: list[Tensor]) -> Iterator[MeasureOutcome]:
    """Evenly spread contiguous pieces of each tensor."""
    weights = [
        tensor.name for tensor in tensors if len(tensor.shape) > 1 and tensor.size > VECTOR_SAMPLE
    ]
    close_names = set(weights[:: -(-len(weights) // MAX_CLOSE_WEIGHTS)] if weights else ())
    brief_limit = VECTOR_SAMPLE if len(tensors) <= MAX_CLOSE_WEIGHTS * 4 else MIN_SAMPLE
    for index, tensor in enumerate(tensors):
        closely = tensor.name in close_names
        limit = WEIGHT_SAMPLE if closely else brief_limit
        try:
            pieces = [glance.read_values(tensor, *span) for span in _iter_spans(tensor.size, limit)]
        except CheckpointError as error:
            yield Skip(tensor.name, str(error))
            continue
        is_whole = tensor.size <= limit and len(tensor.shape) > 1
        if is_whole and pieces:
            dead = _find_dead_rows(glance.find_row_peaks(tensor, pieces[0]))
        else:
            dead = None
        sums = glance.measure_pieces(pieces or [[]], closely=closely)
        if closely and tensor.size > limit and _build_health(tensor, sums, None).fresh:
            pieces = [
                glance.read_values(tensor, *span)
                for span in _iter_spans(tensor.size, SECOND_SAMPLE)
            ]
            sums = glance.measure_pieces(pieces, closely=True)
        yield sums, dead
        if index % RELEASE_EVERY == 0:
            release_pages()


def _iter_spans(size: int, limit: int) -> Iterator[tuple[int, int]]:
    if size <= limit:
        yield from ((0, size),) if size else ()
        return
    pieces = max(limit // PIECE_VALUES, 1)
    length = limit // pieces
    for piece in range(pieces):
        start = (size - length) * piece // max(pieces - 1, 1)
        yield start, start + length


def _find_dead_rows(peaks: Sequence[float]) -> tuple[int, ...]:
    """Indices of rows whose largest magnitude is nothing beside the typical row's; none if all are."""
    finite = sorted(filter(isfinite, peaks))
    if len(peaks) < 2 or not finite:
        return ()
    # the median, for one huge value would make the others look dead
    threshold = finite[len(finite) // 2] * DEAD_SHARE
    dead_rows = tuple(index for index, peak in enumerate(peaks) if peak <= threshold)
    if len(dead_rows) < len(peaks):
        return dead_rows
    return ()


def _measure_all_tensors(
    tensors: list[Tensor], progress: Progress | None
) -> Iterator[MeasureOutcome]:
    from concurrent.futures import ThreadPoolExecutor

    total_values = sum(tensor.size for tensor in tensors)
    done_values = 0
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for tensor, outcome in zip(tensors, pool.map(_measure_whole_tensor, tensors), strict=True):
            yield outcome
            done_values += tensor.size
            if progress:
                progress(done_values, total_values, "reading")


def _measure_whole_tensor(tensor: Tensor) -> MeasureOutcome:
    """All values of a tensor, a few whole rows at a time."""
    from auscult.checkpoint import moments

    table = moments.make_empty_sums()
    width = prod(tensor.shape[1:])
    step = max(CHUNK_VALUES // max(width, 1), 1) * max(width, 1)
    peaks: list[float] = []
    try:
        for start in range(0, tensor.size, step):
            values = moments.to_float64(tensor.flat(start, start + step))
            if len(tensor.shape) > 1 and len(values) % width == 0:
                peaks += moments.find_row_peaks(values, width)
            for begin in range(0, len(values), BATCH_VALUES):
                moments.merge_sums(
                    table, moments.measure_values(values[begin : begin + BATCH_VALUES])
                )
            if start % (RELEASE_EVERY * step) == 0:
                release_pages()
    except CheckpointError as error:
        return Skip(tensor.name, str(error))
    return table, _find_dead_rows(peaks) if len(tensor.shape) > 1 else None


def _build_health(tensor: Tensor, sums: glance.ValueSums, dead: tuple[int, ...] | None) -> Health:
    count, non_finite_count = sums["count"], sums["nan"] + sums["inf"]
    finite_count = count - non_finite_count
    if not finite_count:
        return Health(int(count), tensor.size, int(sums["nan"]), int(sums["inf"]))
    mean, square = sums["s1"] / finite_count, sums["s2"] / finite_count
    variance = max(square - mean * mean, 0.0)
    is_constant = sums["minimum"] == sums["maximum"]
    std = 0.0 if is_constant else sqrt(variance)
    fourth = (
        sums["s4"] / finite_count
        - 4 * mean * sums["s3"] / finite_count
        + 6 * mean * mean * square
        - 3 * mean**4
    )
    if std and variance > 0.0 and variance**2 > 0.0:
        kurtosis = fourth / variance**2
    else:
        kurtosis = 0.0
    nonzero = finite_count - sums["zeros"]
    geometric = 2.0 ** (sums["log"] / nonzero) if nonzero else 0.0
    peak = max(abs(sums["minimum"]), abs(sums["maximum"]))
    fresh = None
    if std and not non_finite_count and tensor.quantization is None and is_float(tensor.dtype):
        fresh = recognise_initialiser(
            shape=tensor.shape, count=count, mean=mean, std=std, kurtosis=kurtosis, peak=peak / std,
            lag=sums["lag"] / sums["s2"] if sums["s2"] else 0.0, unevenness=_measure_unevenness(sums, kurtosis),
        )  # fmt: skip
    counts = (
        min(int(count), tensor.size),
        tensor.size,
        int(sums["nan"]),
        int(sums["inf"]),
        int(sums["zeros"]),
    )
    channels = tensor.shape[0] if dead is not None and tensor.shape else 0
    shape = (sums["minimum"], sums["maximum"], mean, std, kurtosis, geometric)
    return Health(*counts, *shape, dead=dead or (), channels=channels, fresh=fresh)


def _measure_unevenness(sums: dict[str, float], kurtosis: float) -> float:
    """How far the blocks' mean squares scatter beyond what independent draws of this kurtosis would, in standard errors."""
    blocks = sums["blocks"]
    if blocks < 2 or kurtosis <= 1.0 or sums["v1"] <= 0.0:
        return 0.0
    mean = sums["v1"] / blocks
    scatter = (
        (sums["v2"] / blocks / mean**2 - 1.0) * blocks * glance.BLOCK_VALUES / (kurtosis - 1.0)
    )
    return float((scatter - (blocks - 1)) / sqrt(2.0 * (blocks - 1)))


def is_float(dtype: str) -> bool:
    """Whether a dtype's name is that of a floating-point type."""
    return dtype.startswith(("float", "bfloat"))
