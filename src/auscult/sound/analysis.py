"""One recording, seen once: levels, spectra and differences that the detectors share, each computed
when first asked for.

Everything is relative to the recording's own level unless it says dBFS, so that gain changes
nothing.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_periodic_hann
from auscult.sound.folding import measure_corners
from auscult.sound.pcm import count_levels
from auscult.sound.recording import Recording
from auscult.sound.speaking import (
    SpeakingMeasures,
    measure_centroid_hz,
    measure_sharpness,
    measure_syllables_hz,
)
from auscult.sound.stationary import SpectralStillness, measure_movement_db, measure_stillness

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FRAME_SECONDS = 0.032
"""Length of the frames of `power`; they have the nearest power of two in samples.

Chosen, not measured.
"""
ACTIVE_DB = 40.0
"""A frame counts as sounding when it is at most this far below the loud frames.

Chosen, not measured.
"""
MIN_LEVEL_SHARE = 1e-6
"""Of the loudest frame's energy: what is below is silence, and is left out where the loud frames
are looked for.

Chosen, not measured.
"""
CANCEL_CORRELATION = -0.5
"""Channels more opposite than this would cancel in their mean; then the louder one is looked at.

Chosen, not measured.
"""
MAX_FRAMES = 480
"""Frames, evenly spaced, that are enough for what speaks of the whole recording.

Chosen, not measured.
"""
MAX_CORNERS = 2**19
"""Second differences that are looked at for corners, from the beginning on.

Chosen, not measured.
"""


def thin_frames(frames: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most `MAX_FRAMES` of the frames, evenly spaced."""
    if len(frames) <= MAX_FRAMES:
        return frames
    return frames[np.linspace(0, len(frames) - 1, MAX_FRAMES).astype(int)]  # type: ignore[no-any-return]


class SoundAnalysis:
    """What the detectors share.

    Attributes:
        samples: float32 [channels, time], non-finite values as zeros.
        sample_rate: In Hz.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.sample_rate = recording.sample_rate
        finite = np.isfinite(recording.samples)
        self.finite: Mask = finite
        self.is_finite = bool(finite.all())
        self.samples: Floats = (
            recording.samples
            if self.is_finite
            else np.where(finite, recording.samples, np.float32(0))
        )

    @property
    def seconds(self) -> float:
        return float(self.samples.shape[1] / self.sample_rate)

    @cached_property
    def peak(self) -> float:
        """Largest absolute value."""
        return float(max(self.samples.max(initial=0.0), -self.samples.min(initial=0.0)))

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """Mean of each channel, [channels]."""
        return np.asarray(self.samples.mean(axis=1, dtype=np.float64))

    @cached_property
    def voice(self) -> Floats:
        """One channel without its mean, [time]: the mean of all, or the loudest where they cancel
        each other.
        """
        channels, time = self.samples.shape
        if channels == 1:
            mixed = self.samples[0]
        else:
            mean = self.samples.mean(axis=0, dtype=np.float32)
            channel_energies = np.einsum("ct,ct->c", self.samples, self.samples, dtype=np.float64)
            mean_energy = float(mean.astype(np.float64) @ mean)
            if mean_energy < channel_energies.max() * (1 + CANCEL_CORRELATION) / 4:
                mixed = self.samples[int(channel_energies.argmax())]
            else:
                mixed = mean
        return np.asarray(mixed - mixed.mean(dtype=np.float64) if time else mixed, np.float32)

    @cached_property
    def rms(self) -> float:
        """Root mean square of the voice."""
        if self.voice.size:
            return float(np.sqrt(np.mean(np.square(self.voice, dtype=np.float64))))
        return 0.0

    @cached_property
    def n_fft(self) -> int:
        """Samples of a frame: a power of two near `FRAME_SECONDS`."""
        return int(2 ** round(np.log2(self.sample_rate * FRAME_SECONDS)))

    @property
    def hop(self) -> int:
        """Samples from frame to frame: half a frame."""
        return self.n_fft // 2

    @cached_property
    def power(self) -> Floats:
        """Power of the Hann-windowed frames of the voice, [frames, n_fft // 2 + 1]."""
        from scipy.fft import rfft

        if self.voice.size >= self.n_fft:
            voice = self.voice
        else:
            voice = np.pad(self.voice, (0, self.n_fft - self.voice.size))
        window = make_periodic_hann(self.n_fft).astype(np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(voice, self.n_fft)[:: self.hop]
        spectrum = rfft(frames * window, axis=1)
        return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)

    @cached_property
    def hertz(self) -> Floats:
        """Frequency of each bin of `power`."""
        return np.fft.rfftfreq(self.n_fft, 1.0 / self.sample_rate).astype(np.float32)

    @cached_property
    def level(self) -> Floats:
        """Energy of each frame, [frames]."""
        return np.asarray(self.power.sum(axis=1))

    @cached_property
    def active_frames(self) -> Mask:
        """Frames in which there is sound: within `ACTIVE_DB` of the loud ones, [frames]."""
        if not self.level.size or self.level.max() <= 0:
            return np.zeros(self.level.shape, bool)
        loud_level = float(
            np.percentile(self.level[self.level > self.level.max() * MIN_LEVEL_SHARE], 95)
        )
        return np.asarray(self.level > loud_level * 10.0 ** (-ACTIVE_DB / 10.0))

    @cached_property
    def mean_power(self) -> NDArray[np.float64]:
        """Mean power of the sounding frames, [bins]; zeros where there are none."""
        if not self.active_frames.any():
            return np.zeros(self.n_fft // 2 + 1)
        return np.asarray(self.power[self.active_frames].mean(axis=0, dtype=np.float64))

    @cached_property
    def second_difference(self) -> Floats:
        """Second difference of the voice, [time - 2]: where the waveform has corners."""
        voice = self.voice
        return np.asarray(voice[2:] - 2 * voice[1:-1] + voice[:-2])

    @cached_property
    def level_count(self) -> float:
        """How many levels the samples have between their extremes."""
        return count_levels(self.voice)

    @cached_property
    def corners(self) -> Floats:
        """How much each second difference stands out of its neighbourhood, of the first
        `MAX_CORNERS`, [time - 2].
        """
        return measure_corners(self.second_difference[:MAX_CORNERS])

    @cached_property
    def corner_spread(self) -> float:
        """Standard deviation of `corners`."""
        if self.corners.size:
            return float(self.corners.std())
        return 0.0

    @cached_property
    def stillness(self) -> SpectralStillness:
        """How the spectrum behaves between the first and the last sounding frame."""
        sounding = np.flatnonzero(self.active_frames)
        frames = np.arange(sounding[0], sounding[-1] + 1) if len(sounding) else sounding
        return measure_stillness(self.power[thin_frames(frames)], self.hertz)

    @cached_property
    def movement_db(self) -> float:
        """How much the sounding frames move in time: `auscult.sound.stationary.movement_db`."""
        return measure_movement_db(self.power[self.active_frames], self.hertz)

    @cached_property
    def speaking_measures(self) -> SpeakingMeasures:
        """How a voice speaks, if it is one."""
        return SpeakingMeasures(
            measure_sharpness(self.voice, self.sample_rate),
            measure_syllables_hz(self.level, self.sample_rate / self.hop),
            measure_centroid_hz(self.mean_power, self.hertz),
        )
