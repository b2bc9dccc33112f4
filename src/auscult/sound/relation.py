"""How a recording relates to its reference: lag, drift, speed, stretch, gain, polarity, and the
pair laid upon each other.

First the waveforms are correlated as they are. If they do not agree, the recording is searched for
another speed, in time and pitch together (a wrong sample rate) or in time alone (a stretch), on
spectrograms, and a speed that is found there is confirmed on the waveform. So it also holds for
sounds whose phases are not the reference's, such as a vocoder's, to the precision of a frame
instead of a sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.correlation import centred_correlation, correlate_lags
from auscult.sound.level import measure_gain_db
from auscult.sound.mel_definition import Samples
from auscult.sound.recording import Recording
from auscult.sound.speed_search import (
    MAX_DRIFT_PPM,
    MIN_SCALED_CORRELATION,
    SpeedReading,
    is_coherent,
    resample_samples,
    search_speed,
    slow_down,
)
from auscult.sound.tracking import LagTrack, take_first_difference, track_lag

MIN_STRETCH = 0.01
"""Relative difference of the durations from which on there is a stretch. Chosen, not measured."""
MAX_DIRECT_SECONDS = 60.0
"""Longer recordings are laid upon each other by their spectrograms first, so that memory stays
small.

Chosen, not measured.
"""
NEARLY_TOP = 0.99
"""Of the highest correlation: lags that reach it are equally good. Chosen, not measured."""
PLAIN_MARGIN_SECONDS = 0.005
"""The same where the waveforms are correlated as they are. Chosen, not measured."""
MIN_PLAIN_COHERENCE = 0.7
"""Correlation of the waveforms as they are, from which on they agree although their first
differences do not.

Measured on a voice and music with white noise at 5 dB: 0.85. Margin: 0.15.
"""
TRACK_MARGIN_SECONDS = 0.06
"""How far from the common lag that of a piece is searched. Chosen, not measured."""
MAX_ALIGNED_SECONDS = 600.0
"""Length of the aligned pair. Chosen, not measured."""
MIN_MIX_POWER_SHARE = 0.1
"""Of the channels' mean power: a mean of the channels with less has cancelled, and the loudest
channel is taken.

Chosen, not measured.
"""


@dataclass(frozen=True, eq=False)
class Relation:
    """What turns the reference into the recording.

    Attributes:
        lag_samples: Samples, at the reference's rate, by which the recording comes later than the
            reference.
        drift_ppm: By how many millionths the recording runs too fast where that is within
            `MAX_DRIFT_PPM`, else 0.
        rate_ratio: How many times as fast and as high the recording is; 1.0 where it is the same.
        rate_correlation: Of the two log-frequency spectrograms at that speed, 0 to 1; how sure the
            ratio is.
        time_stretch: How many times as long the recording takes at the same pitch; 1.0 where it
            does not.
        gain_db: Level of the recording above the reference's, of what the two have in common.
        polarity: -1 where the waveform is upside down; 1 also where it cannot be told.
        correlation: Of the two aligned waveforms, without their means, -1 to 1.
        coherent: Whether the waveforms themselves agree, so that the lag is exact to the sample.
        aligned_recording, aligned_reference: The part that both have, at the reference's rate, of
            one length, at most `MAX_ALIGNED_SECONDS`; lag, drift and rate taken out, gain, polarity
            and stretch left in.
        recording_seconds, reference_seconds: Durations as given.
    """

    lag_samples: int
    drift_ppm: float
    rate_ratio: float
    rate_correlation: float
    time_stretch: float
    gain_db: float
    polarity: int
    correlation: float
    coherent: bool
    aligned_recording: Recording
    aligned_reference: Recording
    recording_seconds: float
    reference_seconds: float

    @property
    def lag_seconds(self) -> float:
        return self.lag_samples / self.aligned_reference.sample_rate

    @cached_property
    def is_related(self) -> bool:
        """Whether there is any sign that the two are the same content."""
        return self.coherent or self.rate_correlation >= MIN_SCALED_CORRELATION


def relate_recordings(recording: Recording, reference: Recording) -> Relation:
    """Find out how a recording relates to its reference.

    Values that are not numbers count as zeros.

    Raises:
        AudioError: If one of them has no samples.
    """
    for side in (recording, reference):
        if side.samples.shape[1] == 0:
            raise AudioError("holds no samples to set against another", where=side.name)
    recording, reference = recording.replace_non_finite(), reference.replace_non_finite()
    reading = _read_speed(recording, reference)
    coherent = reading.stretch == 1.0 and is_coherent(reading.lag_track)
    if coherent and reading.lag_track.drift:
        reading = _remove_drift(recording, reference, reading)
    lag_track = reading.lag_track
    aligned_recording, aligned_reference, lag = _align_pair(
        recording, reference, reading.speed, lag_track.lag
    )
    candidate_samples, reference_samples = mix_down(aligned_recording), mix_down(aligned_reference)
    rate_correlation = reading.correlation
    if coherent:
        rate_correlation = max(rate_correlation, lag_track.coherence)
    drift_ppm, rate_ratio = (reading.speed - 1.0) * 1e6, 1.0
    if abs(drift_ppm) > MAX_DRIFT_PPM:
        drift_ppm, rate_ratio = 0.0, reading.speed
    return Relation(
        lag_samples=lag,
        drift_ppm=drift_ppm,
        rate_ratio=rate_ratio,
        rate_correlation=rate_correlation,
        time_stretch=reading.stretch,
        gain_db=measure_gain_db(candidate_samples, reference_samples, coherent=coherent),
        polarity=lag_track.sign if coherent else 1,
        correlation=centred_correlation(candidate_samples, reference_samples),
        coherent=coherent,
        aligned_recording=aligned_recording,
        aligned_reference=aligned_reference,
        recording_seconds=recording.seconds,
        reference_seconds=reference.seconds,
    )


def _read_speed(recording: Recording, reference: Recording) -> SpeedReading:
    """Lag and speed: the same one where the waveforms agree at it, else what a search finds."""
    rate = reference.sample_rate
    candidate_samples, reference_samples = mix_down(recording.resample(rate)), mix_down(reference)
    lag_track = _follow_lag(candidate_samples, reference_samples, rate)
    if is_coherent(lag_track):
        return SpeedReading(lag_track)
    plain_track = _follow_plain_lag(candidate_samples, reference_samples, rate)
    if plain_track is not None:
        return SpeedReading(plain_track)
    return search_speed(candidate_samples, reference_samples, rate, lag_track)


def _follow_plain_lag(candidate: Samples, reference: Samples, rate: int) -> LagTrack | None:
    """The lag of the waveforms as they are, where they surely agree: noise of all frequencies drowns
    their first differences long before it drowns them.
    """
    if max(len(candidate), len(reference)) > MAX_DIRECT_SECONDS * rate:
        return None
    overlap = max(min(len(candidate), len(reference)) // 2, 2)
    first, values = correlate_lags(
        candidate - candidate.mean(), reference - reference.mean(), min_overlap=overlap
    )
    heights = np.abs(values)
    if heights.max() < MIN_PLAIN_COHERENCE:
        return None
    tops = first + np.flatnonzero(heights >= NEARLY_TOP * heights.max())
    lag = int(tops[np.argmin(np.abs(tops))])  # of a sound of one period the nearest
    lag_track = track_lag(
        candidate, reference, lag, int(PLAIN_MARGIN_SECONDS * rate), rate, sharpen=False
    )
    is_sure = lag_track.coherence >= MIN_PLAIN_COHERENCE and is_coherent(lag_track)
    return lag_track if is_sure else None


def _remove_drift(
    recording: Recording, reference: Recording, reading: SpeedReading
) -> SpeedReading:
    """The drift taken into the speed, and what is seen of it once it is undone: within a piece it
    no longer blurs the lag.
    """
    rate, lag_track = reference.sample_rate, reading.lag_track
    speed = reading.speed / (1.0 + lag_track.drift)
    candidate_samples = slow_down(mix_down(recording.resample(rate)), speed, rate)
    second_track = track_lag(
        candidate_samples, mix_down(reference), round(lag_track.lag), int(0.01 * rate), rate
    )
    if second_track.coherence >= lag_track.coherence:
        return replace(reading, lag_track=second_track, speed=speed / (1.0 + second_track.drift))
    return replace(reading, speed=speed)


def mix_down(recording: Recording) -> Samples:
    """One channel that stands for all, [time]: the mean, or the loudest where the channels cancel
    each other.
    """
    mono = recording.mono
    power = np.square(recording.samples, dtype=np.float64).mean(axis=1)
    if np.square(mono, dtype=np.float64).mean() < MIN_MIX_POWER_SHARE * power.mean():
        return np.asarray(recording.samples[int(power.argmax())])
    return mono


def _follow_lag(candidate: Samples, reference: Samples, rate: int) -> LagTrack:
    """The lag at the same speed, and its drift: from the waveforms, by way of the spectrograms
    where they are long.
    """
    if max(len(candidate), len(reference)) <= MAX_DIRECT_SECONDS * rate:
        overlap = max(min(len(candidate), len(reference)) // 4, 2)
        first, values = correlate_lags(
            take_first_difference(candidate), take_first_difference(reference), min_overlap=overlap
        )
        lag = first + int(np.argmax(np.abs(values)))
        return track_lag(candidate, reference, lag, int(TRACK_MARGIN_SECONDS * rate), rate)
    lag = int(_find_envelope_lag(candidate, reference, rate) * rate)
    seconds = max(len(candidate), len(reference)) / rate
    lag_track = track_lag(
        candidate, reference, lag, int((0.1 + seconds * MAX_DRIFT_PPM * 1e-6) * rate), rate
    )
    return track_lag(
        candidate,
        reference,
        round(lag_track.lag),
        int((0.02 + seconds * abs(lag_track.drift)) * rate),
        rate,
    )


def _find_envelope_lag(candidate: Samples, reference: Samples, rate: int) -> float:
    """Lag in seconds, from the levels of the first difference every 10 ms."""
    hop = rate // 100

    def measure_levels(samples: Samples) -> NDArray[np.float64]:
        blocks = samples[: len(samples) // hop * hop].reshape(-1, hop)
        power = np.square(np.diff(blocks, axis=1)).mean(axis=1, dtype=np.float64)
        level = np.log10(np.maximum(power, power.max() * 1e-6 + 1e-30))
        return np.asarray(level - level.mean())

    x, y = measure_levels(candidate), measure_levels(reference)
    first, values = correlate_lags(x, y, min_overlap=max(min(len(x), len(y)) // 4, 2))
    return (first + int(np.argmax(values))) * hop / rate


def _align_pair(
    recording: Recording, reference: Recording, speed: float, lag: float
) -> tuple[Recording, Recording, int]:
    """The parts of the two that belong together, of one length, and the lag in whole samples."""
    rate = reference.sample_rate
    is_same_speed = speed == 1.0
    if is_same_speed:
        samples = recording.resample(rate).samples
    else:
        samples = resample_samples(recording.samples, recording.sample_rate, rate * speed)
    shift = round(lag)
    first = max(0, -shift)
    last = min(
        reference.samples.shape[1],
        samples.shape[1] - shift,
        first + int(MAX_ALIGNED_SECONDS * rate),
    )
    if last <= first:  # nothing in common
        first, last, shift = 0, min(reference.samples.shape[1], samples.shape[1]), 0
    return (
        Recording(samples[:, first + shift : last + shift], rate, recording.name),
        Recording(reference.samples[:, first:last], rate, reference.name),
        shift,
    )
