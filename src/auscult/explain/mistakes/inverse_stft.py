"""An inverse STFT that divides by another window sum, cuts other samples off, or takes another window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from auscult.explain.algebra.layers import overlap_add
from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
from auscult.weights import Array

NAMES = ("istft-normalisation", "istft-trim", "istft-window")
WINDOWS = {"hann": 0.5, "hamming": 0.54, "none": 1.0}
"""The constant term of a raised cosine; 1 is no window."""
SUMS = ("squares", "none", "window", "constant")
LEAST = (1e-3, 1e-8, 1e-11)  # below it, window sums in use are not divided by


@dataclass(frozen=True)
class Inverse:
    """One way back from frames to samples.

    Attributes:
        by: What the overlapped frames are divided by: the summed squared window, nothing, the summed window, or n_fft / hop.
        trim: Samples cut off at either end: n_fft / 2, (n_fft - hop) / 2, none, or none at the start.
    """

    window: str = "hann"
    by: str = "squares"
    trim: str = "centre"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    spectrum = _spectrum(case)
    if spectrum is None:
        return
    n_fft = 2 * (spectrum.shape[1] - 1)
    for hop in _hops(case.reference.shape[-1], n_fft, spectrum.shape[-1]):
        made = {way: _samples(spectrum, way, n_fft, hop) for way in _ways()}
        shaped = [(way, y) for way, y in made.items() if y.size == case.reference.size]
        rights = [
            way
            for way, y in shaped
            if error(y.reshape(case.reference.shape), real(case.reference)) <= reference_limit(case)
        ]
        limit = candidate_limit(case, floor)
        for got, y in made.items() if rights else ():
            if (
                y.size == case.candidate.size
                and (missed := error(y.reshape(case.candidate.shape), real(case.candidate)))
                <= limit
            ):
                yield _told(rights[0], got, missed)


def _ways() -> Iterator[Inverse]:
    for window, by, trim in product(
        ("hann", "hann-symmetric", "hamming", "hamming-symmetric", "none"),
        SUMS,
        ("centre", "same", "none", "end"),
    ):
        yield Inverse(window, by, trim)


def _spectrum(case: LayerCase) -> Array | None:
    """Complex [batch, bins, frames] from magnitude and phase, real and imaginary part, or a complex input."""
    given = [value for value in case.inputs.values() if value.ndim == 3]
    if case.role != "output" or case.reference.size > (1 << 22):
        return None
    if len(given) == 1 and given[0].dtype.kind == "c":
        return given[0].astype(np.complex128)
    if len(given) != 2 or given[0].shape != given[1].shape:
        return None
    one, two = (real(value) for value in given)
    if one.shape[1] > one.shape[2] and (one.shape[2] - 1) & (one.shape[2] - 2) == 0:
        one, two = one.swapaxes(1, 2), two.swapaxes(1, 2)
    return np.asarray(one * np.exp(1j * two) if (one >= 0).all() else one + 1j * two)


def _hops(samples: int, n_fft: int, frames: int) -> Iterator[int]:
    for total in {samples, samples + n_fft, samples - n_fft}:
        for count in (frames, frames - 1):
            if count > 0 and total > 0 and total % count == 0 and 0 < total // count <= n_fft:
                yield total // count


def _samples(spectrum: Array, way: Inverse, n_fft: int, hop: int) -> Array:
    count = np.arange(n_fft)
    length = n_fft - way.window.endswith("-symmetric")
    share = WINDOWS[way.window.removesuffix("-symmetric")]
    window = share - (1 - share) * np.cos(2 * np.pi * count / length)
    frames = np.fft.irfft(spectrum, n_fft, axis=1).swapaxes(1, 2) * window
    y = overlap_add(frames, hop)
    ones = np.ones((frames.shape[1], 1))
    if way.by in {"squares", "window"}:
        total = overlap_add(ones * (window**2 if way.by == "squares" else window), hop)
        y = y / np.maximum(total, LEAST[0])
    elif way.by == "constant":
        y = y * hop / n_fft
    cut = {"centre": n_fft // 2, "same": (n_fft - hop) // 2}.get(way.trim, 0)
    if way.trim == "end":
        return np.asarray(y[..., : y.shape[-1] - n_fft])
    return np.asarray(y[..., cut : y.shape[-1] - cut])


def _told(right: Inverse, got: Inverse, residual: float) -> Explanation:
    one, two = asdict(right), asdict(got)
    unequal = [name for name in one if one[name] != two[name]]
    sides = {"reference": {n: one[n] for n in unequal}, "candidate": {n: two[n] for n in unequal}}
    if "by" in unequal:
        cause, says = (
            "istft-normalisation",
            f"it divides the overlapped frames by {_sum(got)}, the reference by {_sum(right)}",
        )
    elif "trim" in unequal:
        cause, says = "istft-trim", f"it cuts {got.trim}, the reference {right.trim}"
    else:
        cause, says = "istft-window", f"its window is {got.window}, the reference's {right.window}"
    return Explanation(
        cause,
        sides,
        residual,
        says,
        fix=f"divide by {_sum(right)}, cut {right.trim}",
        complexity=max(len(unequal), 1),
    )


def _sum(way: Inverse) -> str:
    return {
        "squares": "the summed squared window",
        "window": "the summed window",
        "constant": "n_fft / hop",
    }.get(way.by, "nothing")
