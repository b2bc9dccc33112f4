"""How a recording relates to its reference: lag, drift, speed, stretch, gain, polarity, and the
pair laid upon each other.

First the waveforms are correlated as they are. If they do not agree, the recording is searched for
another speed, in time and pitch together (a wrong sample rate) or in time alone (a stretch), on
spectrograms, and a speed that is found there is confirmed on the waveform. So it also holds for
sounds whose phases are not the reference's, such as a vocoder's, to the precision of a frame
instead of a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.correlation import centred_correlation, correlate_lags
from auscult.sound.level import measure_gain_db
from auscult.sound.mel import Samples
from auscult.sound.recording import Recording
from auscult.sound.scaling import SpeedScaling, find_scalings, sharpen_scaling
from auscult.sound.tracking import LagTrack, take_first_difference, track_lag

STANDARD_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)
SEARCH_RATE = 16000
"""Hz at which speeds are searched. Chosen, not measured."""
MIN_COHERENCE = 0.5
"""Median correlation of pieces of waveform above which lags are to the sample.

Chosen, not measured.
"""
MIN_AGREEING = 0.5
"""Share of the pieces whose lags have to lie on one line for that. Chosen, not measured."""
MAX_DRIFT_PPM = 2000.0
"""A speed nearer to 1 than this is a clock, farther off another rate. Chosen, not measured."""
MIN_SCALED_CORRELATION = 0.35
"""Correlation of the spectrograms below which no other speed is believed. Chosen, not measured."""
MIN_GAIN_IN_CORRELATION = 0.1
"""What another speed must add to the correlation at the same speed before it is believed.

Chosen, not measured.
"""
MAX_REMAINING_SHARE = 0.5
"""Or the share of what is unexplained at the same speed that may be left. Chosen, not measured."""
MIN_GAIN_WITH_REMAINDER = 0.01
"""What another speed must add to the correlation where so little is left. Chosen, not measured."""
MAX_OFF_LENGTH = 0.005
"""Relative difference up to which a speed is that of the durations. Chosen, not measured."""
MIN_STRETCH = 0.01
"""Relative difference of the durations from which on there is a stretch. Chosen, not measured."""
MAX_DIRECT_SECONDS = 60.0
"""Longer recordings are laid upon each other by their spectrograms first, so that memory stays
small.

Chosen, not measured.
"""
TRACK_MARGIN_SECONDS = 0.06
"""How far from the common lag that of a piece is searched. Chosen, not measured."""
SCAN_PIECES = 9
"""Pieces that a trial of a speed looks at. Chosen, not measured."""
MIN_AHEAD = 0.02
"""By how much the waveforms must agree better at a ratio of no two standard rates than at one of
two.

Chosen, not measured.
"""
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
    recording, reference = _zero_non_finite(recording), _zero_non_finite(reference)
    rate = reference.sample_rate
    at_rate = recording.resample(rate)
    candidate_samples, reference_samples = mix_down(at_rate), mix_down(reference)
    lag_track, speed, stretch, correlation = (
        _follow_lag(candidate_samples, reference_samples, rate),
        1.0,
        1.0,
        0.0,
    )
    coherent = is_coherent(lag_track)
    if not coherent:
        lag_track, speed, stretch, correlation = _search_speed(
            candidate_samples, reference_samples, rate, lag_track
        )
        coherent = stretch == 1.0 and is_coherent(lag_track)
    if coherent and lag_track.drift:
        lag_track, speed = _remove_drift(
            candidate_samples, reference_samples, rate, lag_track, speed
        )
    aligned_recording, aligned_reference, lag = _align_pair(
        recording, reference, speed, lag_track.lag
    )
    similarity = centred_correlation(mix_down(aligned_recording), mix_down(aligned_reference))
    drift_ppm = (speed - 1.0) * 1e6
    is_drift = abs(drift_ppm) <= MAX_DRIFT_PPM
    return Relation(
        lag_samples=lag,
        drift_ppm=drift_ppm if is_drift else 0.0,
        rate_ratio=1.0 if is_drift else speed,
        rate_correlation=correlation if not coherent else max(correlation, lag_track.coherence),
        time_stretch=stretch,
        gain_db=measure_gain_db(
            mix_down(aligned_recording), mix_down(aligned_reference), coherent=coherent
        ),
        polarity=lag_track.sign if coherent else 1,
        correlation=similarity,
        coherent=coherent,
        aligned_recording=aligned_recording,
        aligned_reference=aligned_reference,
        recording_seconds=recording.seconds,
        reference_seconds=reference.seconds,
    )


def _remove_drift(
    candidate: Samples, reference: Samples, rate: int, lag_track: LagTrack, speed: float
) -> tuple[LagTrack, float]:
    """The drift taken into the speed, and what is seen of it once it is undone: within a piece it
    no longer blurs the lag.
    """
    speed /= 1.0 + lag_track.drift
    second_track = track_lag(
        slow_down(candidate, speed, rate), reference, round(lag_track.lag), int(0.01 * rate), rate
    )
    if second_track.coherence >= lag_track.coherence:
        return (second_track, speed / (1.0 + second_track.drift))
    return (lag_track, speed)


def _zero_non_finite(recording: Recording) -> Recording:
    if np.isfinite(recording.samples).all():
        return recording
    samples = np.nan_to_num(recording.samples, nan=0.0, posinf=0.0, neginf=0.0)
    return Recording(samples, recording.sample_rate, recording.name)


def mix_down(recording: Recording) -> Samples:
    """One channel that stands for all, [time]: the mean, or the loudest where the channels cancel
    each other.
    """
    mono = recording.mono
    power = np.square(recording.samples, dtype=np.float64).mean(axis=1)
    if np.square(mono, dtype=np.float64).mean() < MIN_MIX_POWER_SHARE * power.mean():
        return np.asarray(recording.samples[int(power.argmax())])
    return mono


def is_coherent(lag_track: LagTrack) -> bool:
    return lag_track.coherence >= MIN_COHERENCE and lag_track.agreeing >= MIN_AGREEING


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


def _search_speed(
    candidate: Samples, reference: Samples, rate: int, lag_track: LagTrack
) -> tuple[LagTrack, float, float, float]:
    """Track, speed, stretch and correlation of the best reading at another speed, or `found` where
    none is better.
    """
    slow_samples = [_resample_for_search(side, rate) for side in (candidate, reference)]
    same_speed, as_rate, as_stretch = find_scalings(slow_samples[0], slow_samples[1], SEARCH_RATE)
    best_scaling = max((as_rate, as_stretch), key=lambda scaling: scaling.correlation)
    if not _is_better(best_scaling, same_speed, len(reference) / max(len(candidate), 1)):
        if (
            same_speed.correlation >= MIN_SCALED_CORRELATION
        ):  # a clock that is far off blurs the waveforms' correlation
            drifting_track, speed = _confirm_speed(candidate, reference, rate, same_speed)
            if is_coherent(drifting_track):
                return drifting_track, speed, 1.0, same_speed.correlation
        return _place_track(lag_track, same_speed, rate), 1.0, 1.0, max(same_speed.correlation, 0.0)
    if best_scaling.kind == "stretch":
        exact_scaling = sharpen_scaling(best_scaling, slow_samples[0], slow_samples[1], SEARCH_RATE)
        return (
            _place_track(lag_track, exact_scaling, rate),
            1.0,
            1.0 / exact_scaling.speed,
            best_scaling.correlation,
        )
    confirmed_track, speed = _confirm_speed(candidate, reference, rate, best_scaling)
    return confirmed_track, speed, 1.0, best_scaling.correlation


def _is_better(best_scaling: SpeedScaling, same_speed: SpeedScaling, by_length: float) -> bool:
    """Whether another speed explains so much more that it is believed; less is asked where the
    durations say the same.
    """
    correlation_gain = best_scaling.correlation - same_speed.correlation
    remaining_share = (1.0 - best_scaling.correlation) / max(1.0 - same_speed.correlation, 1e-9)
    is_confirmed = (
        abs(best_scaling.speed / by_length - 1.0) < MAX_OFF_LENGTH
        and abs(best_scaling.speed - 1.0) > 2 * MAX_OFF_LENGTH
    )
    if is_confirmed:
        needed_gain = MIN_GAIN_IN_CORRELATION / 20
    else:
        needed_gain = MIN_GAIN_IN_CORRELATION
    return best_scaling.correlation >= MIN_SCALED_CORRELATION and (
        correlation_gain >= needed_gain
        or (correlation_gain > MIN_GAIN_WITH_REMAINDER and remaining_share < MAX_REMAINING_SHARE)
    )


def _resample_for_search(samples: Samples, rate: int) -> Samples:
    longest = int(400.0 * rate)
    return Recording.from_mono(samples[:longest], rate).resample(SEARCH_RATE).mono


def _place_track(lag_track: LagTrack, scaling: SpeedScaling, rate: int) -> LagTrack:
    """The spectrogram's lag, where the waveform has none."""
    if is_coherent(lag_track):
        return lag_track
    return LagTrack(scaling.lag_seconds * rate, 0.0, lag_track.coherence, lag_track.agreeing, 1)


def _confirm_speed(
    candidate: Samples, reference: Samples, rate: int, scaling: SpeedScaling
) -> tuple[LagTrack, float]:
    """The waveform's own word on a speed: the ratios of standard rates and their surroundings, each
    undone and followed.
    """
    ratios = {a / b for a, b in product(STANDARD_RATES, repeat=2)}
    reach = MAX_DRIFT_PPM * 1e-6 if scaling.speed == 1.0 else 0.004
    trial_ratios = sorted(
        ratio for ratio in ratios if abs(ratio / scaling.speed - 1) < 3 * reach and ratio != 1.0
    )
    trial_ratios += [
        scaling.speed * (1 + step)
        for step in np.linspace(-reach, reach, 17 if scaling.speed == 1.0 else 9)
    ]
    if scaling.speed > 1.0:  # what lies above the band of the slowed-down recording is noise to it
        reference = _resample_samples(
            _resample_samples(reference, rate, rate / scaling.speed), rate / scaling.speed, rate
        )
    best_track, speed = LagTrack(scaling.lag_seconds * rate, 0.0, 0.0, 0.0, 1), scaling.speed
    for ratio in trial_ratios:
        slowed_candidate = slow_down(candidate, ratio, rate)
        trial_track = track_lag(
            slowed_candidate,
            reference,
            round(scaling.lag_seconds * rate),
            int(0.1 * rate),
            rate,
            pieces=SCAN_PIECES,
        )
        min_ahead = MIN_AHEAD if speed in ratios and ratio not in ratios else 0.0
        if trial_track.coherence > best_track.coherence + min_ahead:
            best_track, speed = trial_track, ratio
    if is_coherent(best_track):
        best_track = track_lag(
            slow_down(candidate, speed, rate),
            reference,
            round(best_track.lag),
            int(0.1 * rate),
            rate,
        )
    if not is_coherent(best_track):
        return LagTrack(
            scaling.lag_seconds * rate, 0.0, best_track.coherence, best_track.agreeing, 1
        ), scaling.speed
    residual = 1.0 + best_track.drift
    if residual != 1.0:
        second_track = track_lag(
            slow_down(candidate, speed / residual, rate),
            reference,
            round(best_track.lag),
            int(0.02 * rate),
            rate,
        )
        if second_track.coherence >= best_track.coherence + (
            MIN_AHEAD / 4 if speed in ratios else 0.0
        ):
            return second_track, speed / residual
    return best_track, speed


def slow_down(samples: NDArray[np.float32], speed: float, rate: int) -> NDArray[np.float32]:
    """[time] or [channels, time] samples, played `speed` times as slowly (soxr), at the same rate."""
    if speed == 1.0:
        return samples
    return _resample_samples(samples, rate, rate * speed)


def _resample_samples(
    samples: NDArray[np.float32], rate: float, target_rate: float
) -> NDArray[np.float32]:
    """[time] or [channels, time] samples from one rate to another, in one step: a second would cost
    what is above its half.
    """
    import soxr

    converted = soxr.resample(np.ascontiguousarray(samples.T), rate, target_rate, quality="VHQ")
    return np.ascontiguousarray(converted.T, dtype=np.float32)


def _align_pair(
    recording: Recording, reference: Recording, speed: float, lag: float
) -> tuple[Recording, Recording, int]:
    """The parts of the two that belong together, of one length, and the lag in whole samples."""
    rate = reference.sample_rate
    is_same_speed = speed == 1.0
    if is_same_speed:
        samples = recording.resample(rate).samples
    else:
        samples = _resample_samples(recording.samples, recording.sample_rate, rate * speed)
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
