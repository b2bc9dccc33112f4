"""An inverse STFT that divides by another window sum, cuts other samples off, or takes another window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from auscult.explain.algebra.layers import overlap_add
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = ("istft-normalisation", "istft-trim", "istft-window")
WINDOW_CONSTANTS = {"hann": 0.5, "hamming": 0.54, "none": 1.0}
"""The constant term of a raised cosine; 1 is no window."""
WINDOW_SUMS = ("squares", "none", "window", "constant")
MIN_WINDOW_SUMS = (1e-3, 1e-8, 1e-11)  # below it, window sums in use are not divided by


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


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    spectrum = _read_spectrum(case)
    if spectrum is None:
        return
    n_fft = 2 * (spectrum.shape[1] - 1)
    for hop in _iter_hops(case.reference.shape[-1], n_fft, spectrum.shape[-1]):
        signals = {
            convention: _invert_frames(spectrum, convention, n_fft, hop)
            for convention in _iter_conventions()
        }
        fitting_signals = [
            (convention, y) for convention, y in signals.items() if y.size == case.reference.size
        ]
        reference_fits = [
            convention
            for convention, y in fitting_signals
            if relative_error(y.reshape(case.reference.shape), to_float64(case.reference))
            <= get_reference_limit(case)
        ]
        limit = get_candidate_limit(case, floor)
        for candidate, y in signals.items() if reference_fits else ():
            if (
                y.size == case.candidate.size
                and (
                    residual := relative_error(
                        y.reshape(case.candidate.shape), to_float64(case.candidate)
                    )
                )
                <= limit
            ):
                yield _build_explanation(reference_fits[0], candidate, residual)


def _iter_conventions() -> Iterator[InverseStft]:
    for window, by, trim in product(
        ("hann", "hann-symmetric", "hamming", "hamming-symmetric", "none"),
        WINDOW_SUMS,
        ("centre", "same", "none", "end"),
    ):
        yield InverseStft(window, by, trim)


def _read_spectrum(case: LayerCase) -> Array | None:
    """Complex [batch, bins, frames] from magnitude and phase, real and imaginary part, or a complex input."""
    tensors = [value for value in case.inputs.values() if value.ndim == 3]
    if case.role != "output" or case.reference.size > (1 << 22):
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
        y = y / np.maximum(total, MIN_WINDOW_SUMS[0])
    elif convention.by == "constant":
        y = y * hop / n_fft
    trim_samples = {"centre": n_fft // 2, "same": (n_fft - hop) // 2}.get(convention.trim, 0)
    if convention.trim == "end":
        return np.asarray(y[..., : y.shape[-1] - n_fft])
    return np.asarray(y[..., trim_samples : y.shape[-1] - trim_samples])


def _build_explanation(
    reference: InverseStft, candidate: InverseStft, residual: float
) -> Explanation:
    reference_fields, candidate_fields = asdict(reference), asdict(candidate)
    unequal = [
        name for name in reference_fields if reference_fields[name] != candidate_fields[name]
    ]
    sides = {
        "reference": {n: reference_fields[n] for n in unequal},
        "candidate": {n: candidate_fields[n] for n in unequal},
    }
    if "by" in unequal:
        cause, message = (
            "istft-normalisation",
            f"it divides the overlapped frames by {_describe_divisor(candidate)}, the reference by {_describe_divisor(reference)}",
        )
    elif "trim" in unequal:
        cause, message = "istft-trim", f"it cuts {candidate.trim}, the reference {reference.trim}"
    else:
        cause, message = (
            "istft-window",
            f"its window is {candidate.window}, the reference's {reference.window}",
        )
    return Explanation(
        cause,
        sides,
        residual,
        message,
        fix=f"divide by {_describe_divisor(reference)}, cut {reference.trim}",
        complexity=max(len(unequal), 1),
    )


def _describe_divisor(convention: InverseStft) -> str:
    return {
        "squares": "the summed squared window",
        "window": "the summed window",
        "constant": "n_fft / hop",
    }.get(convention.by, "nothing")
