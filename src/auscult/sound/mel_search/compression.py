"""From bands to the numbers of the mel: norm, logarithm, floor, reference, range and normalisation, by regression.

Every kind of floor at every usual value gives a logarithm that the mel is a straight line of, with a slope that names the
logarithm and the multiplier, and an offset. The floor and norm with the least residual win; slope and offset are then
read: as they are, as Whisper's and other known normalisations, or, where the offset fits nothing else, as the gain of the
samples (16-bit integers, or a peak of 0.95).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import MelDefinition, Samples, compress, magnitudes, mel_filterbank, per_decibel
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.evidence import MIN_SHARE_OF_PEAK
from auscult.sound.recording import Recording

Values = NDArray[np.float64]
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
MAX_READINGS = 200
LOG_SLOPES = {"ln": 1.0, "log10": 1.0 / np.log(10.0)}
NICE_GAINS = (32768.0, 32767.0)
NICE_PEAKS = (1.0, 0.95, 0.99, 0.9, 0.98, 0.999, 0.8, 0.5)
SNAP = 2e-3
"""Relative error within which a slope or offset is taken for a round one, if the residual agrees."""
WORSE = 1.5
"""Factor on the residual up to which a simpler reading is preferred."""
MIN_RESIDUAL = 1e-6
"""Of the mel's range: below this, differences are rounding."""


@dataclass(frozen=True, eq=False)
class Compression:
    """A whole definition, and how far its mel is from the one given.

    Attributes:
        gain: What the samples were multiplied by before; 1 where they were used as they are.
        residual: Root mean square of the difference, in the mel's own unit.
        worst: Greatest difference.
        residual_share: The residual over the mel's standard deviation.
        frames: Frames that the definition gives; those beyond the mel's were left out.
        is_per_band: Whether every band was normalised by itself, which no definition here can say.
    """

    definition: MelDefinition
    gain: float
    residual: float
    worst: float
    residual_share: float
    frames: int
    is_per_band: bool


@dataclass(frozen=True)
class _Line:
    """`mel = slope * ln(floored bands) + offset`."""

    norm: str
    floor: str
    clip: float
    slope: float
    offset: float
    residual: float


def find_compression(recording: Recording, mel: Values, shape: MelDefinition, *, is_log: bool) -> Compression:
    """Fit what lies between the bands of `shape` and the mel [n_mels, frames]."""
    samples = recording.resampled(shape.sample_rate).mono
    fits = [_fit(samples, mel, replace(shape, pad_mode=mode), is_log=is_log) for mode in ("reflect", "zero")]
    return min(fits, key=lambda fit: fit.residual if fit.worst == 0 else fit.residual * (1 + 1e-9) + 1e-3 * fit.worst)


def predicted(samples: Samples, definition: MelDefinition, gain: float, frames: int | None = None) -> Values:
    """The mel of samples times gain, [n_mels, frames], in float64 from float32 spectra."""
    d = definition
    scale = gain if d.power == 1 else gain * gain
    bands = (mel_filterbank(d) @ magnitudes(samples, replace(d, inside_root=d.inside_root / gain**2))).astype(np.float64) * scale
    return _compressed(bands, d)[:, :frames]


def _fit(samples: Samples, mel: Values, shape: MelDefinition, *, is_log: bool) -> Compression:
    plain = replace(shape, norm="none", log="none", multiply=1.0, add=0.0)
    bands = predicted(samples, plain, 1.0)
    frames = bands.shape[1]
    common = min(frames, mel.shape[1])
    bands, wanted = bands[:, :common], mel[:, :common]
    peak = float(np.abs(samples).max(initial=0.0))
    trusted = bands >= bands.max(axis=0, keepdims=True) * MIN_SHARE_OF_PEAK**plain.power
    readings = _logarithmic(bands, wanted, trusted, plain, peak) if is_log else _linear(bands, wanted, plain, peak)
    found = [
        (cost, replace(_measure(_gained(samples, bands, definition, gain), wanted, trusted, definition, gain), frames=frames))
        for cost, definition, gain in sorted(readings, key=lambda reading: reading[0])[:MAX_READINGS]
    ]
    tolerance = WORSE * min(fit.residual for _, fit in found) + MIN_RESIDUAL * float(np.ptp(wanted))
    best = next(fit for _, fit in found if fit.residual <= tolerance)
    return replace(best, is_per_band=is_log and _is_per_band(bands, wanted, best))


def _gained(samples: Samples, bands: Values, definition: MelDefinition, gain: float) -> Values:
    """The bands, with what is added under the root as it weighs before that gain."""
    if gain == 1.0 or not definition.inside_root:
        return bands
    plain = _with(definition, norm="none", log="none", multiply=1.0, add=0.0, inside_root=definition.inside_root / gain**2)
    return predicted(samples, plain, 1.0)[:, : bands.shape[1]]


def _measure(bands: Values, wanted: Values, trusted: Mask, definition: MelDefinition, gain: float) -> Compression:
    difference = compress_bands(bands, definition, gain) - wanted
    floor = wanted <= wanted.min() + 1e-6 * float(np.ptp(wanted))
    difference = difference[trusted | floor]
    residual = float(np.sqrt(np.square(difference).mean()))
    share = residual / max(float(wanted.std()), 1e-12)
    return Compression(definition, gain, residual, float(np.abs(difference).max()), share, 0, False)


def compress_bands(bands: Values, definition: MelDefinition, gain: float) -> Values:
    """The mel from bands of unit peak without a logarithm."""
    scale = gain if definition.power == 1 else gain * gain
    return _compressed(bands * _norm(definition) * scale, definition)


def _compressed(bands: Any, definition: MelDefinition) -> Values:
    """`compress` in float64, which it takes as it does float32."""
    return np.asarray(compress(bands, definition), np.float64)


def _with(definition: MelDefinition, **settings: Any) -> MelDefinition:
    return replace(definition, **settings)


def _norm(definition: MelDefinition) -> Values | float:
    """What the norm multiplies each band by, [n_mels, 1]."""
    if definition.norm == "none":
        return 1.0
    peaks = np.maximum(mel_filterbank(replace(definition, norm="none")).max(axis=1), 1e-30)
    return np.asarray(mel_filterbank(definition).max(axis=1) / peaks, np.float64)[:, None]


def _linear(bands: Values, wanted: Values, plain: MelDefinition, peak: float) -> Iterator[Reading]:
    """Readings without a logarithm: a gain of the samples, or a factor."""
    for norm in ("slaney", "none"):
        definition = replace(plain, norm=norm)
        x = bands * _norm(definition)
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


def _logarithmic(bands: Values, wanted: Values, trusted: Mask, plain: MelDefinition, peak: float) -> Iterator[Reading]:
    """Readings with a logarithm, from the best lines."""
    for line in _best_lines(bands, wanted, trusted, plain):
        base = _with(plain, norm=line.norm, floor=line.floor, clip=line.clip)
        far = int(line.floor == "add")
        for cost, definition in _kinds(base, line):
            for more, reading, gain in _offsets(bands, wanted, definition, line, peak):
                yield cost + more + far, reading, gain


def _best_lines(bands: Values, wanted: Values, trusted: Mask, plain: MelDefinition) -> list[_Line]:
    low, high = float(wanted.min()), float(wanted.max())
    clear = trusted & (wanted > low + 0.12 * (high - low))
    lines: list[_Line] = []
    for norm in ("slaney", "none"):
        x = bands * _norm(replace(plain, norm=norm))
        free = _line(x, wanted, clear, norm, ("clip", FREE))
        floor = float(np.exp(np.clip((low - free.offset) / free.slope, -60, 20))) if free.slope > 0 else 1e-10
        for kind in ("clip", "add"):
            lines += [_line(x, wanted, trusted, norm, (kind, clip)) for clip in (*grid.CLIPS, floor)]
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
        nice = next((value for value in grid.MULTIPLIERS if abs(multiplier / value - 1) < SNAP), None)
        if nice is not None:
            is_known = True
            cost = 0 if (log, nice) in KNOWN_MULTIPLIERS else 3
            yield cost + order, _with(base, log=log, multiply=nice)
    if not is_known and line.slope > 0:
        yield 12, replace(base, log="ln", multiply=line.slope)


def _offsets(bands: Values, wanted: Values, definition: MelDefinition, line: _Line, peak: float) -> Iterator[Reading]:
    """Readings of the offset: none, the loudest value, a gain of the samples, or something added; with what they cost."""
    step = definition.multiply * per_decibel(definition) * 8.7
    loudest = definition.multiply * float(np.max(compress_bands(bands, replace(definition, multiply=1.0, add=0.0), 1.0)))
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
                yield price + 2, replace(base, clip=inner, add=usual, inside_root=_round_root(base.inside_root * nice**2)), nice
            yield price + 6, replace(base, add=line.offset), 1.0


def _round_root(value: float) -> float:
    """What is added under the root, as the usual value it is near, or as it is."""
    near = (root for root in grid.INSIDE_ROOTS if root and abs(np.log(value / root)) < 0.2) if value else ()
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


def _is_per_band(bands: Values, wanted: Values, best: Compression) -> bool:
    """Whether letting every band have its own offset and slope explains what is left."""
    level = np.log(np.maximum(bands, bands.max() * 1e-8))
    low = wanted.min(axis=1, keepdims=True)
    clear = (wanted > low + 0.3 * np.ptp(wanted, axis=1)[:, None]).astype(np.float64)
    count = np.maximum(clear.sum(axis=1, keepdims=True), 1.0)
    x = (level - (level * clear).sum(axis=1, keepdims=True) / count) * clear
    y = (wanted - (wanted * clear).sum(axis=1, keepdims=True) / count) * clear
    slope = (x * y).sum(axis=1, keepdims=True) / np.maximum(np.square(x).sum(axis=1, keepdims=True), 1e-12)
    left = float(np.sqrt(np.square(y - slope * x).sum() / max(clear.sum(), 1.0)))
    return best.residual_share > 0.02 and left < 0.2 * best.residual
