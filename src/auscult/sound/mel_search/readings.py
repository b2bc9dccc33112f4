"""What slope and offset of a mel over the logarithm of its bands may mean, the usual first.

Every kind of floor at every usual value gives a logarithm that the mel is a straight line of, with a slope that names the
logarithm and the multiplier, and an offset. Both are read as they are, as Whisper's and other known normalisations, or, where
the offset fits nothing else, as the gain of the samples (16-bit integers, or a peak of 0.95).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import MelDefinition, per_decibel
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.bands import Values, compress_bands, norm_factors, with_settings

Mask = NDArray[np.bool_]
Reading = tuple[int, MelDefinition, float]
"""How far-fetched it is, the definition, and the gain of the samples."""

KNOWN_MULTIPLIERS = {
    **{("ln", 1.0): 0.0, ("log10", 1.0): 0.0, ("db", 1.0): 0.0},
    **{("ln", 0.25): 1.0, ("log10", 0.25): 1.0, ("db", 0.01): 0.8},
}
"""With what is added: nothing as they are; (x + 4) / 4 of StyleTTS 2 and Whisper; (x + 100) / 100 of DiffWave and WaveNets."""
FREE = 1e-30
"""A floor that is none."""
LOG_SLOPES = {"ln": 1.0, "log10": 1.0 / np.log(10.0)}
NICE_GAINS = (32768.0, 32767.0)
NICE_PEAKS = (1.0, 0.95, 0.99, 0.9, 0.98, 0.999, 0.8, 0.5)
SNAP = 2e-3
"""Relative error within which a slope or offset is taken for a round one, if the residual agrees."""
MIN_RESIDUAL = 1e-6
"""Of the mel's range: below this, differences are rounding."""


@dataclass(frozen=True)
class _Line:
    """`mel = slope * ln(floored bands) + offset`."""

    norm: str
    floor: str
    clip: float
    slope: float
    offset: float
    residual: float


def linear_readings(
    bands: Values, wanted: Values, plain: MelDefinition, peak: float
) -> Iterator[Reading]:
    """Readings without a logarithm: a gain of the samples, or a factor."""
    for norm in ("slaney", "none"):
        definition = replace(plain, norm=norm)
        x = bands * norm_factors(definition)
        factor = float((x * wanted).sum() / max((x * x).sum(), 1e-30))
        if factor <= 0:
            continue
        if abs(factor - 1) < SNAP:
            yield 0, definition, 1.0
        gain = factor ** (1 / definition.power)
        nice = _nice_gain(gain, peak)
        if nice:
            yield 2, definition, nice
        yield 4, replace(definition, multiply=factor), 1.0


def logarithmic_readings(
    bands: Values, wanted: Values, plain: MelDefinition, peak: float, trusted: Mask
) -> Iterator[Reading]:
    """Readings with a logarithm, from the best lines."""
    for line in _best_lines(bands, wanted, trusted, plain):
        base = with_settings(plain, norm=line.norm, floor=line.floor, clip=line.clip)
        far = int(line.floor == "add")
        for cost, definition in _kinds(base, line):
            for more, reading, gain in _offsets(bands, wanted, definition, line, peak):
                yield cost + more + far, reading, gain


def _best_lines(bands: Values, wanted: Values, trusted: Mask, plain: MelDefinition) -> list[_Line]:
    low, high = float(wanted.min()), float(wanted.max())
    clear = trusted & (wanted > low + 0.12 * (high - low))
    lines: list[_Line] = []
    for norm in ("slaney", "none"):
        x = bands * norm_factors(replace(plain, norm=norm))
        free = _line(x, wanted, clear, norm, ("clip", FREE))
        floor = (
            float(np.exp(np.clip((low - free.offset) / free.slope, -60, 20)))
            if free.slope > 0
            else 1e-10
        )
        for kind in ("clip", "add"):
            lines += [
                _line(x, wanted, trusted, norm, (kind, clip)) for clip in (*grid.CLIPS, floor)
            ]
        lines.append(free)
    least = min(line.residual for line in lines)
    tolerance = 1.5 * least + 10 * MIN_RESIDUAL * (high - low)
    return [line for line in lines if line.residual <= tolerance or line.clip == FREE]


def _line(x: Values, wanted: Values, where: Mask, norm: str, floor: tuple[str, float]) -> _Line:
    kind, clip = floor
    level = np.log(np.maximum(x, clip) if kind == "clip" else x + clip)[where]
    wanted = wanted[where]
    mean, middle = level.mean(), wanted.mean()
    spread = np.square(level - mean).sum()
    slope = float(((level - mean) * (wanted - middle)).sum() / spread) if spread > 0 else 0.0
    offset = float(middle - slope * mean)
    residual = float(np.sqrt(np.square(wanted - slope * level - offset).mean()))
    return _Line(norm, kind, clip, slope, offset, residual)


def _kinds(base: MelDefinition, line: _Line) -> Iterator[tuple[int, MelDefinition]]:
    """Logarithms and multipliers that give the slope, with what they cost."""
    slopes = {**LOG_SLOPES, "db": 20.0 / base.power / np.log(10.0)}
    is_known = False
    for order, (log, slope) in enumerate(slopes.items()):
        multiplier = line.slope / slope
        nice = next(
            (value for value in grid.MULTIPLIERS if abs(multiplier / value - 1) < SNAP), None
        )
        if nice is not None:
            is_known = True
            cost = 0 if (log, nice) in KNOWN_MULTIPLIERS else 3
            yield cost + order, with_settings(base, log=log, multiply=nice)
    if not is_known and line.slope > 0:
        yield 12, replace(base, log="ln", multiply=line.slope)


def _offsets(
    bands: Values, wanted: Values, definition: MelDefinition, line: _Line, peak: float
) -> Iterator[Reading]:
    """Readings of the offset: none, the loudest value, a gain of the samples, or something added; with what they cost."""
    step = definition.multiply * per_decibel(definition) * 8.7
    loudest = definition.multiply * float(
        np.max(compress_bands(bands, replace(definition, multiply=1.0, add=0.0), 1.0))
    )
    rounded, above = _rounded(line.offset, step), _rounded(line.offset + loudest, step)
    usual = KNOWN_MULTIPLIERS.get((definition.log, definition.multiply), 0.0)
    gain = float(np.exp(np.clip((line.offset - usual) / line.slope / definition.power, -40, 40)))
    nice = _nice_gain(gain, peak)
    for cost, clip in _clips(line.clip):
        for more, range_db in _ranges(wanted, definition):
            base = replace(definition, clip=clip, range_db=range_db)
            price = cost + more
            if rounded is not None:
                yield price + (rounded != 0.0), replace(base, add=rounded), 1.0
            if above is not None:
                yield price + (4 if above else 2), replace(base, reference="max", add=above), 1.0
            if nice and abs(gain - 1.0) > SNAP and rounded is None:
                power = nice**definition.power
                inner = _clips(clip * power)[0][1] if line.clip != FREE else clip
                yield (
                    price + 2,
                    replace(
                        base,
                        clip=inner,
                        add=usual,
                        inside_root=_round_root(base.inside_root * nice**2),
                    ),
                    nice,
                )
            yield price + 6, replace(base, add=line.offset), 1.0


def _round_root(value: float) -> float:
    """What is added under the root, as the usual value it is near, or as it is."""
    near = (
        (root for root in grid.INSIDE_ROOTS if root and abs(np.log(value / root)) < 0.2)
        if value
        else ()
    )
    return next(iter(near), value)


def _clips(clip: float) -> list[tuple[int, float]]:
    """A fitted floor as the usual value it is near, or as it is; with what that costs."""
    if clip == FREE:
        return [(index, value) for index, value in enumerate(grid.CLIPS[:3])]
    near = [(0, value) for value in grid.CLIPS if abs(np.log(clip / value)) < 0.02]
    return near or [(5, clip)]


def _ranges(wanted: Values, definition: MelDefinition) -> Iterator[tuple[int, float]]:
    """No limit of the range, and the limit that the mel's own range may be, in dB; with what they cost."""
    yield 0, 0.0
    span = float(np.ptp(wanted)) / (per_decibel(definition) * definition.multiply)
    usual = [value for value in grid.RANGES_DB if abs(value - span) < 0.02]
    if usual:
        yield 1, usual[0]
    elif 0 < span < 200:
        yield 6, round(span, 3)


def _rounded(offset: float, step: float) -> float | None:
    """An offset of at most two decimals, or nothing."""
    for digits, sure in ((0, 1.0), (1, 1.0), (2, 0.1)):
        near = round(offset, digits)
        if abs(offset - near) < sure * SNAP * max(step, 1e-6) and abs(near) < 1000:
            return near + 0.0
    return None


def _nice_gain(gain: float, peak: float) -> float | None:
    """16-bit integers, or a peak brought to a round value."""
    for value in NICE_GAINS:
        if abs(gain / value - 1) < 1e-5:
            return value
    for target in NICE_PEAKS:
        if peak > 0 and abs(gain * peak / target - 1) < SNAP / 4:
            return target / peak
    return None
