"""By what the overlapped frames of an inverse STFT are divided on either side, from the two signals and the window alone.

The spectrum need not be known: a head that makes it inside shows its signal only, and there the two divisors make a factor for each
sample, whatever the frames hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from auscult.explain.algebra.layers import overlap_add
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import LayerCase
from auscult.explain.limits import get_candidate_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "window_sums"
DIVISORS = ("the summed squared window", "the summed window", "nothing")
HOP_ATTRIBUTES = ("hop_length", "hop_size", "hop_len", "hop", "stride")
"""What modules call the distance of two frames."""
USUAL_OVERLAPS = (4, 2, 8)
"""Window lengths over hops."""
MIN_WINDOW_LENGTH = 8
MIN_DIVISOR = 1e-8
"""Sums below it are not divided by."""
MIN_SUM_SHARE = 0.05
"""Share of the largest sum below which samples are left out: there implementations clip the divisor, each in its own way.

Chosen, not measured."""


@dataclass(frozen=True)
class WindowSumChange:
    """What either side divides by, in words."""

    reference: str
    candidate: str
    hop: int
    residual: float


@run_once_per_case
def find_window_sum_changes(case: LayerCase, floor: float) -> tuple[WindowSumChange, ...]:
    """Pairs of divisors that make the candidate's signal of the reference's."""
    window = _find_window(case)
    if window is None or case.reference.shape != case.candidate.shape or not case.reference.size:
        return ()
    if case.role != "output" or case.reference.dtype.kind != "f":
        return ()
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    limit = get_candidate_limit(case, floor)
    changes: list[WindowSumChange] = []
    for hop, sums in _iter_window_sums(case, window, reference.shape[-1]):
        for first, second in permutations(range(len(DIVISORS)), 2):
            inside = (
                np.minimum(sums[first], sums[second]) > MIN_SUM_SHARE * np.max(sums)
            ).nonzero()[0]
            ratio = sums[first][inside] / np.maximum(sums[second][inside], MIN_DIVISOR)
            residual = relative_error(reference[..., inside] * ratio, candidate[..., inside])
            if len(inside) > len(window) and residual <= limit:
                texts = DIVISORS[first], DIVISORS[second]
                changes.append(WindowSumChange(*texts, hop, residual))
    return tuple(changes)


def _find_window(case: LayerCase) -> Array | None:
    """A buffer that is called a window."""
    for name, values in case.weights.items():
        if "window" in name.lower() and values.size >= MIN_WINDOW_LENGTH:
            return to_float64(values).reshape(-1)
    return None


def _iter_window_sums(
    case: LayerCase, window: Array, samples: int
) -> Iterator[tuple[int, tuple[Array, Array, Array]]]:
    """Hops, with the sum of squares, the sum and ones for each sample [time]."""
    length = len(window)
    declared = [case.module.attributes.get(name) for name in HOP_ATTRIBUTES]
    hops = [hop for hop in declared if isinstance(hop, int)]
    hops += [length // overlap for overlap in USUAL_OVERLAPS]
    for hop in dict.fromkeys(hops):
        for trim in dict.fromkeys((length // 2, (length - hop) // 2, 0)):
            count, rest = divmod(samples + 2 * trim - length, hop) if hop > 0 else (0, 1)
            if rest or count < 1:
                continue
            ones = np.ones((count + 1, 1))
            kept = slice(trim, trim + samples)
            squares, plain = (overlap_add(ones * w, hop)[kept] for w in (window**2, window))
            yield hop, (squares, plain, np.ones(samples))
