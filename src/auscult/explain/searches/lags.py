"""Whether the candidate's tensor is the reference's, some frames earlier or later or of another length."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from auscult.explain.algebra.nearness import (
    bound_relative_error,
    compute_energy,
    relative_error,
    to_float64,
)
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit
from auscult.explain.searches import run_once_per_case
from auscult.explain.searches.paddings import has_comparable_floats
from auscult.weights import Array

SEARCH = "lags"
WAVE_LAYER_PATTERN = re.compile(r"i_?stft|inverse_?stft|spectrogram|head", re.IGNORECASE)
MIN_COMMON_FRAMES = 8
"""Frames that both sides have to share, and at least a quarter of the reference's.

Chosen, not measured."""
PROBE_FRAMES = 256
"""Frames of the loudest channel by which most lags are ruled out.

Chosen, not measured."""


@dataclass(frozen=True)
class Lag:
    """The candidate is the reference, begun `frames` later (negative: earlier), with `lengths` of reference and candidate."""

    frames: int
    lengths: tuple[int, int]
    residual: float

    def to_explanation(self, cause: str) -> Explanation:
        """The explanation of a place by a lag."""
        count = abs(self.frames)
        if self.frames:
            side, remedy = ("late", "more") if self.frames > 0 else ("early", "less")
            start = f"it is the reference {count} frames {side}"
            fix = f"cut {count} frames {remedy} at the start"
        else:
            start = "it is the reference from its start"
            fix = f"let it be {self.lengths[0]} frames long"
        message = f"{start}, {self.lengths[1]} long instead of {self.lengths[0]}"
        parameters = {"lag": self.frames, "length": list(self.lengths)}
        return Explanation(cause, parameters, self.residual, message, fix=fix, complexity=2)


def is_wave_layer(case: LayerCase) -> bool:
    """Whether the place gives a waveform, by its name or its class."""
    return bool(WAVE_LAYER_PATTERN.search(case.module.type) or WAVE_LAYER_PATTERN.search(case.path))


@run_once_per_case
def find_lag(case: LayerCase, floor: float) -> Lag | None:
    """The shortest lag under which all that both sides have agrees; along the axis whose lengths differ, else the last."""
    if not has_comparable_floats(case):
        return None
    axis = _find_lag_axis(case.reference.shape, case.candidate.shape)
    if axis is None:
        return None
    limit = get_candidate_limit(case, floor)
    reference = np.moveaxis(to_float64(case.reference), axis, -1)
    candidate = np.moveaxis(to_float64(case.candidate), axis, -1)
    lengths = reference.shape[-1], candidate.shape[-1]
    row, loudest_frame = _find_loudest(candidate)
    energy, reference_row, candidate_row = (
        compute_energy(reference),
        reference[row],
        candidate[row],
    )
    for lead in sorted(range(-(lengths[0] // 2), lengths[0] // 2 + 1), key=abs):
        reference_start, candidate_start = max(lead, 0), max(-lead, 0)
        common = min(lengths[0] - reference_start, lengths[1] - candidate_start)
        is_nothing = lead == 0 and lengths[0] == lengths[1]
        if common < max(MIN_COMMON_FRAMES, lengths[0] // 4) or is_nothing:
            continue
        start = max(loudest_frame, candidate_start)
        stop = max(min(loudest_frame + PROBE_FRAMES, candidate_start + common), start)
        probed = candidate_row[start:stop], reference_row[start + lead : stop + lead]
        if bound_relative_error(*probed, energy) > limit:
            continue
        row_parts = (
            candidate_row[candidate_start : candidate_start + common],
            reference_row[reference_start : reference_start + common],
        )
        if bound_relative_error(*row_parts, energy) > limit:
            continue
        residual = relative_error(
            candidate[..., candidate_start : candidate_start + common],
            reference[..., reference_start : reference_start + common],
        )
        if residual <= limit:
            return Lag(-lead, lengths, residual)
    return None


def _find_lag_axis(reference: tuple[int, ...], candidate: tuple[int, ...]) -> int | None:
    unequal = [axis for axis, (a, b) in enumerate(zip(reference, candidate, strict=True)) if a != b]
    if len(unequal) > 1:
        return None
    axis = unequal[0] if unequal else len(reference) - 1
    return axis or None


def _find_loudest(x: Array) -> tuple[tuple[int, ...], int]:
    """The row of x [..., time] with the largest finite sample, and where its surroundings start."""
    sizes = np.nan_to_num(np.abs(x), posinf=0.0)
    *row, frame = np.unravel_index(int(sizes.argmax()), x.shape)
    return tuple(int(index) for index in row), max(int(frame) - PROBE_FRAMES // 2, 0)
