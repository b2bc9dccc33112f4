"""What is left of a recording when its reference is taken off: level over time, then the rest.

The pair is aligned already. First the level and the constant are followed over time, because a jump
of either would hide all else. Then the reference is laid under the recording to a fraction of a
sample and subtracted at its level. What remains is measured in the few ways that tell an addition
(a tone, clicks, an echo, hiss) from what a codec or a resampler changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_periodic_hann

Doubles = NDArray[np.float64]

MAX_SECONDS = 120.0
"""Longer pairs are judged by their first two minutes. Chosen, not measured."""
LEVEL_SECONDS = 0.1
"""Length of the blocks in which level and constant are followed. Chosen, not measured."""
AUDIBLE_DB = 40.0
"""Blocks of the reference farther below its loud ones say nothing of the level.

Chosen, not measured.
"""
MIN_BLOCK_CORRELATION = 0.5
"""Of a block with its counterpart, below which its level is not believed. Chosen, not measured."""
STRANGE_DB = 20.0
"""Blocks farther below the loud ones are not asked whether they agree. Chosen, not measured."""
MAX_STRANGE_CORRELATION = 0.3
"""Of a block with its counterpart, below which the two are not the same. Chosen, not measured."""
MIN_STRANGE_SECONDS = 0.2
"""Shortest stretch of such blocks. Chosen, not measured."""
MIN_LEVEL_RANGE_DB = 1.5
"""A level that moves less over time is taken for constant. Chosen, not measured."""
FRAME_SAMPLES = 2048
"""Samples of a frame of a spectrum. Chosen, not measured."""
MAX_FRAMES = 600
"""Frames, evenly spaced, that a spectrum is averaged over. Chosen, not measured."""
NEAR_BINS = 31
"""Bins to which a line is compared. Chosen, not measured."""
SHORT_SECONDS = 0.004
"""Length of the blocks whose level the peak of an impulse is set against. Chosen, not measured."""
MIN_ECHO_SECONDS = 0.002
"""Delay of the nearest echo: what is nearer is a filter. Chosen, not measured."""
MAX_ECHO_SECONDS = 1.0
"""Delay of the farthest echo. Chosen, not measured."""
FLOOR = 1e-20
"""Added to energies, so that silence divides by no zero. Chosen, not measured."""
MIN_DELAY = 0.005
"""Smaller delays in samples are none. Chosen, not measured."""
STILL_DB = 1.0
"""Deviation of a level in dB that does not move: hiss in short blocks has 0.5. Chosen, not measured."""
FOLLOW_SECONDS = 0.02
"""Length of the blocks in which the residual's level may follow the sound's: what a codec leaves
follows a syllable, which is shorter than a frame of a spectrum at low rates.

Chosen, not measured.
"""
MIN_LEVELS = 8
"""Levels below which no correlation is believed. Chosen, not measured."""
STEADY_DB = 3.0
"""Deviation over time of the level of a sound that hardly moves: rain, a drone. Chosen, not measured."""
RESAMPLED_SHARE = 0.9
"""Of half the sample rate: what lies above is changed by every resampler. Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class LevelTrack:
    """Level of a recording against its reference over time.

    Attributes:
        seconds: Middle of each block that could be measured, [blocks].
        decibels: Level there, [blocks].
        correlations: Of the block with its counterpart, [blocks].
    """

    seconds: Doubles
    decibels: Doubles
    correlations: Doubles

    @cached_property
    def smooth(self) -> Doubles:
        """The median of five neighbours, [blocks]."""
        from scipy.ndimage import median_filter

        if len(self.decibels) < 5:
            return self.decibels
        return np.asarray(median_filter(self.decibels, 5, mode="nearest"))

    @property
    def range_db(self) -> float:
        """Between the quiet and the loud blocks, the outer twentieths left out."""
        if len(self.smooth) < 5:
            return 0.0
        return float(np.percentile(self.smooth, 95) - np.percentile(self.smooth, 5))


class Residual:
    """A recording less its reference, [time] samples of one length.

    Attributes:
        recording, reference: As given, float64, without their means.
        rate: In Hz.
    """

    def __init__(
        self, recording: NDArray[np.float32], reference: NDArray[np.float32], rate: int
    ) -> None:
        count = min(len(recording), len(reference), int(MAX_SECONDS * rate))
        self.rate = rate
        self.recording: Doubles = recording[:count].astype(np.float64)
        raw = reference[:count].astype(np.float64)
        self.recording = self.recording - self.recording.mean()
        self.reference: Doubles = shift_fraction(raw - raw.mean(), self.recording)

    @cached_property
    def level_track(self) -> LevelTrack:
        """The level over time."""
        size = max(int(LEVEL_SECONDS * self.rate), 16)
        x, y = (_cut_blocks(side, size) for side in (self.recording, self.reference))
        energy_x, energy_y = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
        product = (x * y).sum(axis=1)
        loud = np.percentile(energy_y, 95) if len(energy_y) else 0.0
        correlations = product / np.sqrt(energy_x * energy_y + FLOOR)
        used = (energy_y > max(loud * 10 ** (-AUDIBLE_DB / 10), FLOOR)) & (
            correlations > MIN_BLOCK_CORRELATION
        )
        gains = product[used] / energy_y[used]
        seconds = (np.flatnonzero(used) + 0.5) * size / self.rate
        return LevelTrack(seconds, 20 * np.log10(gains), correlations[used])

    @cached_property
    def strange_spans(self) -> tuple[tuple[float, float], ...]:
        """Stretches of `MIN_STRANGE_SECONDS` and more in which both sound and nothing agrees, in
        seconds.
        """
        size = max(int(LEVEL_SECONDS * self.rate), 16)
        x, y = (_cut_blocks(side, size) for side in (self.recording, self.reference))
        energy_x, energy_y = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
        if not len(x) or energy_y.max() <= 0:
            return ()
        correlations = (x * y).sum(axis=1) / np.sqrt(energy_x * energy_y + FLOOR)
        limit = 10 ** (-STRANGE_DB / 10) * np.percentile(energy_y, 95)
        strange = (np.minimum(energy_x, energy_y) > limit) & (
            correlations < MAX_STRANGE_CORRELATION
        )
        edges = np.flatnonzero(np.diff(np.concatenate([[False], strange, [False]]).astype(np.int8)))
        spans = edges.reshape(-1, 2)
        least = round(MIN_STRANGE_SECONDS / LEVEL_SECONDS)
        return tuple(
            (round(float(a) * size / self.rate, 4), round(float(b) * size / self.rate, 4))
            for a, b in spans
            if b - a >= least
        )

    @cached_property
    def constant_track(self) -> Doubles:
        """Mean of what is left in each block of `LEVEL_SECONDS`, [blocks]."""
        size = max(int(LEVEL_SECONDS * self.rate), 16)
        return np.asarray(_cut_blocks(self.rough, size).mean(axis=1))

    @cached_property
    def gain(self) -> Doubles:
        """Factor on the reference over time, [time]."""
        y, x = self.reference, self.recording
        common = float(x @ y) / (float(y @ y) + FLOOR)
        track = self.level_track
        if track.range_db < MIN_LEVEL_RANGE_DB:
            return np.full(len(x), common)
        places = np.arange(len(x)) / self.rate
        return np.asarray(10 ** (np.interp(places, track.seconds, track.smooth) / 20))

    @cached_property
    def rough(self) -> Doubles:
        """The residual with its slow constant, [time]."""
        return self.recording - self.gain * self.reference

    @cached_property
    def samples(self) -> Doubles:
        """The residual, [time], without its slow constant."""
        size = max(int(LEVEL_SECONDS * self.rate), 16)
        means = self.constant_track
        if len(means) < 2:
            return self.rough
        places = (np.arange(len(means)) + 0.5) * size
        return self.rough - np.interp(np.arange(len(self.rough)), places, means)

    @cached_property
    def snr_db(self) -> float:
        """Level of the reference, as it is in the recording, above the residual."""
        wanted = self.gain * self.reference
        return float(
            10
            * np.log10(
                (float(wanted @ wanted) + FLOOR) / (float(self.samples @ self.samples) + FLOOR)
            )
        )

    @cached_property
    def resampled_snr_db(self) -> float:
        """Level of the sound above the residual, both below `RESAMPLED_SHARE` of half the rate."""
        bins = int(RESAMPLED_SHARE * self.power.shape[1])
        sound, left = (float(power[:, :bins].sum()) for power in (self.reference_power, self.power))
        return float(10 * np.log10((sound + FLOOR) / (left + FLOOR)))

    @cached_property
    def power(self) -> Doubles:
        """Power of frames of the residual, [frames, bins]."""
        return _compute_power(self.samples)

    @cached_property
    def reference_power(self) -> Doubles:
        """Power of the same frames of the reference, [frames, bins]."""
        return _compute_power(self.gain * self.reference)

    @cached_property
    def line(self) -> tuple[float, float]:
        """How far the strongest steady line stands above its surroundings in dB, and where in Hz."""
        from scipy.ndimage import median_filter

        median = np.median(self.power, axis=0) + FLOOR
        ratio = median / np.maximum(median_filter(median, NEAR_BINS, mode="nearest"), FLOOR)
        top = int(np.argmax(ratio[1:])) + 1
        return float(10 * np.log10(ratio[top])), top * self.rate / FRAME_SAMPLES

    @cached_property
    def short_levels(self) -> Doubles:
        """Root mean square of every `SHORT_SECONDS`, [blocks]."""
        size = max(int(SHORT_SECONDS * self.rate), 8)
        return np.asarray(np.sqrt(np.square(_cut_blocks(self.samples, size)).mean(axis=1)))

    @cached_property
    def crest_db(self) -> float:
        """The highest sample above the median level of short blocks, in dB."""
        usual = float(np.median(self.short_levels)) if len(self.short_levels) else 0.0
        return float(20 * np.log10(np.abs(self.samples).max(initial=0.0) / (usual + 1e-6) + FLOOR))

    @cached_property
    def echo(self) -> tuple[float, float]:
        """Correlation of the residual with the reference some time earlier, and that time in
        seconds (negative: later).
        """
        from scipy import fft

        x, y = np.diff(self.samples), np.diff(self.reference)
        size = fft.next_fast_len(2 * len(x), real=True)
        cross = fft.irfft(fft.rfft(x, size) * np.conj(fft.rfft(y, size)), size)
        first = int(MIN_ECHO_SECONDS * self.rate)
        last = min(int(MAX_ECHO_SECONDS * self.rate), len(x) - 1)
        scale = np.sqrt(float(x @ x) * float(y @ y)) + FLOOR
        if last <= first:
            return 0.0, 0.0
        lags = np.concatenate([np.arange(first, last), -np.arange(first, last)])
        values = cross[lags] / scale
        top = int(np.argmax(np.abs(values)))
        return float(values[top]), float(lags[top]) / self.rate

    @cached_property
    def follows(self) -> float:
        """Correlation of the residual's level over time with the sound's, -1 to 1: near 0 for
        something added, high for what a codec leaves. Of a sound that hardly moves, that over
        frequency.
        """
        frames = [
            10 * np.log10(power.mean(axis=1) + 1e-14)
            for power in (self.power, self.reference_power)
        ]
        size = max(int(FOLLOW_SECONDS * self.rate), 16)
        blocks = [
            10 * np.log10(np.square(_cut_blocks(side, size)).mean(axis=1) + 1e-14)
            for side in (self.samples, self.gain * self.reference)
        ]
        if len(frames[1]) < MIN_LEVELS:
            return 1.0
        active = frames[1] > frames[1].max() - 50
        if max(frames[1][active].std(), blocks[1].std()) < STEADY_DB:
            spectra = [
                10 * np.log10(power[active].mean(axis=0) + 1e-14)
                for power in (self.power, self.reference_power)
            ]
            return _correlate_levels(spectra[0], spectra[1], np.inf)
        return max(
            _correlate_levels(frames[0], frames[1], 50.0),
            _correlate_levels(blocks[0], blocks[1], AUDIBLE_DB),
        )

    @cached_property
    def steadiness_db(self) -> float:
        """Standard deviation of the residual's level over the frames, in dB."""
        return float((10 * np.log10(self.power.mean(axis=1) + 1e-14)).std())


def _correlate_levels(left: Doubles, sound: Doubles, range_db: float) -> float:
    """Correlation of two levels in dB where the sound is within that of its loudest; 0 where one does
    not move.
    """
    active = sound > sound.max() - range_db
    if active.sum() < MIN_LEVELS or min(left[active].std(), sound[active].std()) < STILL_DB:
        return 0.0
    return float(np.corrcoef(left[active], sound[active])[0, 1])


def _cut_blocks(samples: Doubles, size: int) -> Doubles:
    """Whole blocks, [blocks, size]."""
    return samples[: len(samples) // size * size].reshape(-1, size)


def _compute_power(samples: Doubles) -> Doubles:
    if len(samples) < FRAME_SAMPLES:
        samples = np.pad(samples, (0, FRAME_SAMPLES - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[:: FRAME_SAMPLES // 2]
    frames = frames[:: max(1, -(-len(frames) // MAX_FRAMES))]
    return np.asarray(
        np.square(np.abs(np.fft.rfft(frames * make_periodic_hann(FRAME_SAMPLES), axis=1)))
    )


def shift_fraction(reference: Doubles, recording: Doubles) -> Doubles:
    """The reference moved by less than a sample, so that it lies on the recording.

    The delay is the slope of the phase of their cross spectrum, weighted with its magnitude and the
    frequency.
    """
    if len(reference) < 64:
        return reference
    y, x = np.fft.rfft(reference), np.fft.rfft(recording)
    cross = x * np.conj(y)
    weights = np.abs(cross)
    radians = np.linspace(0, np.pi, len(cross))
    total = float((weights * radians**2).sum())
    if total <= 0:
        return reference
    delay = -float((weights * radians * np.angle(cross)).sum()) / total
    if not MIN_DELAY < abs(delay) < 1:
        return reference
    moved = np.fft.irfft(y * np.exp(-1j * radians * delay), len(reference))
    gain = float(moved @ recording) ** 2 / (float(moved @ moved) + FLOOR)
    if gain <= float(reference @ recording) ** 2 / (float(reference @ reference) + FLOOR):
        return reference
    return np.asarray(moved)
