"""Under which window, window sum and cut an inverse STFT gives the reference's signal, and under which the candidate's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from auscult.explain.algebra.layers import overlap_add
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "inverse_stft"
WINDOWS = ("hann", "hann-symmetric", "hamming", "hamming-symmetric", "none")
TRIMS = ("centre", "same", "none", "end")
MAX_SAMPLES = 1 << 22
"""Longer signals are not inverted.

Chosen, not measured."""
WINDOW_CONSTANTS = {"hann": 0.5, "hamming": 0.54, "none": 1.0}
"""The constant term of a raised cosine; 1 is no window."""
WINDOW_SUMS = ("squares", "none", "window", "constant")
MIN_WINDOW_SUM = 1e-3
"""Window sums below it are not divided by.

Chosen, not measured."""


@dataclass(frozen=True)
class InverseStft:
    """One way back from frames to samples.

    Attributes:
        by: What the overlapped frames are divided by: the summed squared window, nothing, the summed window, or n_fft / hop.
        trim: Samples cut off at either end: n_fft / 2, (n_fft - hop) / 2, none, or none at the start.
    """

    window: str = "hann"
    by: str = "squares"
    trim: str = "centre"


@dataclass(frozen=True)
class InverseStftDifference:
    """Two ways back from frames to samples, and the names of the fields in which they differ."""

    reference: InverseStft
    candidate: InverseStft
    unequal: tuple[str, ...]
    residual: float

    def to_explanation(self, cause: str, message: str) -> Explanation:
        """The explanation of a place by another inverse STFT."""
        reference, candidate = asdict(self.reference), asdict(self.candidate)
        return Explanation(
            cause,
            {
                "reference": {name: reference[name] for name in self.unequal},
                "candidate": {name: candidate[name] for name in self.unequal},
            },
            self.residual,
            message,
            fix=f"divide by {describe_divisor(self.reference)}, cut {self.reference.trim}",
            complexity=max(len(self.unequal), 1),
        )


@run_once_per_case
def find_inverse_stft_differences(
    case: LayerCase, floor: float
) -> tuple[InverseStftDifference, ...]:
    """Pairs of ways back of which one gives the reference's signal, the other the candidate's."""
    spectrum = _read_spectrum(case)
    if spectrum is None:
        return ()
    n_fft = 2 * (spectrum.shape[1] - 1)
    differences: list[InverseStftDifference] = []
    for hop in _iter_hops(case.reference.shape[-1], n_fft, spectrum.shape[-1]):
        differences += _compare_conventions(case, spectrum, n_fft, hop, floor)
    return tuple(differences)


def _compare_conventions(
    case: LayerCase, spectrum: Array, n_fft: int, hop: int, floor: float
) -> Iterator[InverseStftDifference]:
    signals = {
        convention: _invert_frames(spectrum, convention, n_fft, hop)
        for convention in _iter_conventions()
    }
    limit = get_reference_limit(case)
    reference = next(
        (
            convention
            for convention, signal in signals.items()
            if _measure_misfit(signal, case.reference) <= limit
        ),
        None,
    )
    if reference is None:
        return
    limit = get_candidate_limit(case, floor)
    for candidate, signal in signals.items():
        residual = _measure_misfit(signal, case.candidate)
        if residual <= limit:
            yield InverseStftDifference(
                reference, candidate, _list_unequal_fields(reference, candidate), residual
            )


def _measure_misfit(signal: Array, target: Array) -> float:
    if signal.size != target.size:
        return float("inf")
    return relative_error(signal.reshape(target.shape), to_float64(target))


def _list_unequal_fields(reference: InverseStft, candidate: InverseStft) -> tuple[str, ...]:
    candidate_fields = asdict(candidate)
    return tuple(
        name for name, value in asdict(reference).items() if value != candidate_fields[name]
    )


def _iter_conventions() -> Iterator[InverseStft]:
    for window, by, trim in product(WINDOWS, WINDOW_SUMS, TRIMS):
        yield InverseStft(window, by, trim)


def _read_spectrum(case: LayerCase) -> Array | None:
    """Complex [batch, bins, frames] from magnitude and phase, real and imaginary part, or a complex input."""
    tensors = [value for value in case.inputs.values() if value.ndim == 3]
    if case.role != "output" or case.reference.size > MAX_SAMPLES:
        return None
    if len(tensors) == 1 and tensors[0].dtype.kind == "c":
        return tensors[0].astype(np.complex128)
    if len(tensors) != 2 or tensors[0].shape != tensors[1].shape:
        return None
    first_part, second_part = (to_float64(value) for value in tensors)
    if (
        first_part.shape[1] > first_part.shape[2]
        and (first_part.shape[2] - 1) & (first_part.shape[2] - 2) == 0
    ):
        first_part, second_part = first_part.swapaxes(1, 2), second_part.swapaxes(1, 2)
    return np.asarray(
        first_part * np.exp(1j * second_part)
        if (first_part >= 0).all()
        else first_part + 1j * second_part
    )


def _iter_hops(samples: int, n_fft: int, frames: int) -> Iterator[int]:
    for total in {samples, samples + n_fft, samples - n_fft}:
        for count in (frames, frames - 1):
            if count > 0 and total > 0 and total % count == 0 and 0 < total // count <= n_fft:
                yield total // count


def _invert_frames(spectrum: Array, convention: InverseStft, n_fft: int, hop: int) -> Array:
    indices = np.arange(n_fft)
    length = n_fft - convention.window.endswith("-symmetric")
    constant_term = WINDOW_CONSTANTS[convention.window.removesuffix("-symmetric")]
    window = constant_term - (1 - constant_term) * np.cos(2 * np.pi * indices / length)
    frames = np.fft.irfft(spectrum, n_fft, axis=1).swapaxes(1, 2) * window
    y = overlap_add(frames, hop)
    ones = np.ones((frames.shape[1], 1))
    if convention.by in {"squares", "window"}:
        total = overlap_add(ones * (window**2 if convention.by == "squares" else window), hop)
        y = y / np.maximum(total, MIN_WINDOW_SUM)
    elif convention.by == "constant":
        y = y * hop / n_fft
    trim_samples = {"centre": n_fft // 2, "same": (n_fft - hop) // 2}.get(convention.trim, 0)
    if convention.trim == "end":
        return np.asarray(y[..., : y.shape[-1] - n_fft])
    return np.asarray(y[..., trim_samples : y.shape[-1] - trim_samples])


def describe_divisor(convention: InverseStft) -> str:
    """What the overlapped frames are divided by, in words."""
    return {
        "squares": "the summed squared window",
        "window": "the summed window",
        "constant": "n_fft / hop",
    }.get(convention.by, "nothing")
