"""What slope and offset of a mel over the logarithm of its bands may mean, the usual first.

Every kind of floor at every usual value gives a logarithm that the mel is a straight line of, with
a slope that names the logarithm and the multiplier, and an offset. Both are read as they are, as
Whisper's and other known normalisations, or, where the offset fits nothing else, as the gain of the
samples (16-bit integers, or a peak of 0.95).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import log_units_per_decibel
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.bands import MelValues, compress_bands, norm_factors, with_settings
from auscult.sound.mel_search.evidence import MARGIN_OVER_FLOOR

Mask = NDArray[np.bool_]
CompressionReading = tuple[int, MelDefinition, float]
"""How far-fetched it is, the definition, and the gain of the samples."""

KNOWN_MULTIPLIERS = {
    **{("ln", 1.0): 0.0, ("log10", 1.0): 0.0, ("db", 1.0): 0.0},
    **{("ln", 0.25): 1.0, ("log10", 0.25): 1.0, ("db", 0.01): 0.8},
}
"""With what is added: nothing as they are; (x + 4) / 4 of StyleTTS 2 and Whisper; (x + 100) / 100
of DiffWave and WaveNets.
"""
NO_FLOOR = 1e-30
"""A floor that is none. Chosen, not measured."""
LOG_SLOPES = {"ln": 1.0, "log10": 1.0 / np.log(10.0)}
NICE_GAINS = (32768.0, 32767.0)
NICE_PEAKS = (1.0, 0.95, 0.99, 0.9, 0.98, 0.999, 0.8, 0.5)
SNAP_TOLERANCE = 2e-3
"""Relative error within which a slope or offset is taken for a round one, if the residual agrees.

Chosen, not measured.
"""
MIN_RESIDUAL = 1e-6
"""Of the mel's range: below this, differences are rounding. Chosen, not measured."""
MIN_STEP = 1e-6
"""The least step in the mel's unit that an offset is rounded by. Chosen, not measured."""
ROOT_TOLERANCE = 0.2
"""Natural logarithm by which a constant under the root may be off a usual one.

Chosen, not measured.
"""
CLIP_TOLERANCE = 0.02
"""Natural logarithm by which a floor may be off a usual one. Chosen, not measured."""
RANGE_TOLERANCE_DB = 0.02
"""By which a range may be off a usual one. Chosen, not measured."""
INTEGER_GAIN_TOLERANCE = 1e-5
"""Relative error within which a gain is that of 16-bit integers. Chosen, not measured."""


@dataclass(frozen=True)
class _FittedLine:
    """`mel = slope * ln(floored bands) + offset`."""

    norm: str
    floor: str
    clip: float
    slope: float
    offset: float
    residual: float


def iter_linear_readings(
    bands: MelValues, target_mel: MelValues, plain: MelDefinition, peak: float
) -> Iterator[CompressionReading]:
    """Readings without a logarithm: a gain of the samples, or a factor."""
    for norm in ("slaney", "none"):
        definition = replace(plain, norm=norm)
        x = bands * norm_factors(definition)
        factor = float((x * target_mel).sum() / max((x * x).sum(), 1e-30))
        if factor <= 0:
            continue
        if abs(factor - 1) < SNAP_TOLERANCE:
            yield 0, definition, 1.0
        gain = factor ** (1 / definition.power)
        nice_gain = _find_nice_gain(gain, peak)
        if nice_gain:
            yield 2, definition, nice_gain
        yield 4, replace(definition, multiply=factor), 1.0


def iter_logarithmic_readings(
    bands: MelValues, target_mel: MelValues, plain: MelDefinition, peak: float, is_trusted: Mask
) -> Iterator[CompressionReading]:
    """Readings with a logarithm, from the best lines."""
    for line in _find_best_lines(bands, target_mel, is_trusted, plain):
        base = with_settings(plain, norm=line.norm, floor=line.floor, clip=line.clip)
        floor_cost = int(line.floor == "add")
        for cost, definition in _iter_kinds(base, line):
            for offset_cost, offset_definition, gain in _iter_offsets(
                bands, target_mel, definition, line, peak
            ):
                yield cost + offset_cost + floor_cost, offset_definition, gain


def _find_best_lines(
    bands: MelValues, target_mel: MelValues, is_trusted: Mask, plain: MelDefinition
) -> list[_FittedLine]:
    low, high = float(target_mel.min()), float(target_mel.max())
    is_clear = is_trusted & (target_mel > low + MARGIN_OVER_FLOOR * (high - low))
    lines: list[_FittedLine] = []
    for norm in ("slaney", "none"):
        x = bands * norm_factors(replace(plain, norm=norm))
        free_line = _fit_line(x, target_mel, is_clear, norm, ("clip", NO_FLOOR))
        if free_line.slope > 0:
            floor = float(np.exp(np.clip((low - free_line.offset) / free_line.slope, -60, 20)))
        else:
            floor = 1e-10
        for kind in ("clip", "add"):
            lines += [
                _fit_line(x, target_mel, is_trusted, norm, (kind, clip))
                for clip in (*grid.CLIPS, floor)
            ]
        lines.append(free_line)
    least_residual = min(line.residual for line in lines)
    tolerance = 1.5 * least_residual + 10 * MIN_RESIDUAL * (high - low)
    return [line for line in lines if line.residual <= tolerance or line.clip == NO_FLOOR]


def _fit_line(
    x: MelValues, target_mel: MelValues, mask: Mask, norm: str, floor: tuple[str, float]
) -> _FittedLine:
    kind, clip = floor
    level = np.log(np.maximum(x, clip) if kind == "clip" else x + clip)[mask]
    target_mel = target_mel[mask]
    mean, middle = level.mean(), target_mel.mean()
    spread = np.square(level - mean).sum()
    if spread > 0:
        slope = float(((level - mean) * (target_mel - middle)).sum() / spread)
    else:
        slope = 0.0
    offset = float(middle - slope * mean)
    residual = float(np.sqrt(np.square(target_mel - slope * level - offset).mean()))
    return _FittedLine(norm, kind, clip, slope, offset, residual)


def _iter_kinds(base: MelDefinition, line: _FittedLine) -> Iterator[tuple[int, MelDefinition]]:
    """Logarithms and multipliers that give the slope, with what they cost."""
    slopes = {**LOG_SLOPES, "db": 20.0 / base.power / np.log(10.0)}
    is_known = False
    for order, (log, slope) in enumerate(slopes.items()):
        multiplier = line.slope / slope
        nice_multiplier = next(
            (value for value in grid.MULTIPLIERS if abs(multiplier / value - 1) < SNAP_TOLERANCE),
            None,
        )
        if nice_multiplier is not None:
            is_known = True
            cost = 0 if (log, nice_multiplier) in KNOWN_MULTIPLIERS else 3
            yield cost + order, with_settings(base, log=log, multiply=nice_multiplier)
    if not is_known and line.slope > 0:
        yield 12, replace(base, log="ln", multiply=line.slope)


def _iter_offsets(
    bands: MelValues,
    target_mel: MelValues,
    definition: MelDefinition,
    line: _FittedLine,
    peak: float,
) -> Iterator[CompressionReading]:
    """Readings of the offset: none, the loudest value, a gain of the samples, or something added;
    with what they cost.
    """
    step = definition.multiply * log_units_per_decibel(definition) * 8.7
    loudest = definition.multiply * float(
        np.max(compress_bands(bands, replace(definition, multiply=1.0, add=0.0), 1.0))
    )
    rounded_offset, rounded_above = (
        _round_offset(line.offset, step),
        _round_offset(line.offset + loudest, step),
    )
    usual_offset = KNOWN_MULTIPLIERS.get((definition.log, definition.multiply), 0.0)
    gain = float(
        np.exp(np.clip((line.offset - usual_offset) / line.slope / definition.power, -40, 40))
    )
    nice_gain = _find_nice_gain(gain, peak)
    is_by_gain = (
        nice_gain is not None and abs(gain - 1.0) > SNAP_TOLERANCE and rounded_offset is None
    )
    clip_ranges = product(_list_clips(line.clip), list(_iter_ranges(target_mel, definition)))
    for (clip_cost, clip), (range_cost, range_db) in clip_ranges:
        base = replace(definition, clip=clip, range_db=range_db)
        cost = clip_cost + range_cost
        if rounded_offset is not None:
            yield cost + (rounded_offset != 0.0), replace(base, add=rounded_offset), 1.0
        if rounded_above is not None:
            above_cost = 4 if rounded_above else 2
            yield cost + above_cost, replace(base, reference="max", add=rounded_above), 1.0
        if nice_gain is not None and is_by_gain:
            gained_definition = _read_gain(base, line, nice_gain, usual_offset)
            yield cost + 2, gained_definition, nice_gain
        yield cost + 6, replace(base, add=line.offset), 1.0


def _read_gain(
    base: MelDefinition, line: _FittedLine, gain: float, usual_offset: float
) -> MelDefinition:
    """The definition whose samples had that gain: what is added under it weighs as much more."""
    clip = base.clip
    if line.clip != NO_FLOOR:
        clip = _list_clips(clip * gain**base.power)[0][1]
    return replace(
        base,
        clip=clip,
        add=usual_offset,
        inside_root=_round_root(base.inside_root * gain**2),
    )


def _round_root(value: float) -> float:
    """What is added under the root, as the usual value it is near, or as it is."""
    near_roots = (
        (root for root in grid.INSIDE_ROOTS if root and abs(np.log(value / root)) < ROOT_TOLERANCE)
        if value
        else ()
    )
    return next(iter(near_roots), value)


def _list_clips(clip: float) -> list[tuple[int, float]]:
    """A fitted floor as the usual value it is near, or as it is; with what that costs."""
    if clip == NO_FLOOR:
        return [(index, value) for index, value in enumerate(grid.CLIPS[:3])]
    near_clips = [(0, value) for value in grid.CLIPS if abs(np.log(clip / value)) < CLIP_TOLERANCE]
    return near_clips or [(5, clip)]


def _iter_ranges(target_mel: MelValues, definition: MelDefinition) -> Iterator[tuple[int, float]]:
    """No limit of the range, and the limit that the mel's own range may be, in dB; with what they
    cost.
    """
    yield 0, 0.0
    span = float(np.ptp(target_mel)) / (log_units_per_decibel(definition) * definition.multiply)
    usual_ranges = [value for value in grid.RANGES_DB if abs(value - span) < RANGE_TOLERANCE_DB]
    if usual_ranges:
        yield 1, usual_ranges[0]
    elif 0 < span < 200:
        yield 6, round(span, 3)


def _round_offset(offset: float, step: float) -> float | None:
    """An offset of at most two decimals, or nothing."""
    for digits, tolerance_share in ((0, 1.0), (1, 1.0), (2, 0.1)):
        rounded = round(offset, digits)
        if (
            abs(offset - rounded) < tolerance_share * SNAP_TOLERANCE * max(step, MIN_STEP)
            and abs(rounded) < 1000
        ):
            return rounded + 0.0
    return None


def _find_nice_gain(gain: float, peak: float) -> float | None:
    """16-bit integers, or a peak brought to a round value."""
    for value in NICE_GAINS:
        if abs(gain / value - 1) < INTEGER_GAIN_TOLERANCE:
            return value
    for target in NICE_PEAKS:
        if peak > 0 and abs(gain * peak / target - 1) < SNAP_TOLERANCE / 4:
            return target / peak
    return None
