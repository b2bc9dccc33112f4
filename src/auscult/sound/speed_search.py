"""At which other speed a recording agrees with its reference: another sample rate, a stretch, or a clock that is off.

Speeds are searched on spectrograms, and one that is found there is confirmed on the waveforms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from auscult.facts.sample_rates import STANDARD_RATES
from auscult.sound.mel_definition import Samples
from auscult.sound.recording import Recording
from auscult.sound.scaling import SpeedScaling, find_scalings, sharpen_scaling
from auscult.sound.tracking import LagTrack, track_lag

STANDARD_RATIOS = frozenset(a / b for a, b in product(STANDARD_RATES, repeat=2))
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
SCAN_PIECES = 9
"""Pieces that a trial of a speed looks at. Chosen, not measured."""
MIN_AHEAD = 0.02
"""By how much the waveforms must agree better at a ratio of no two standard rates than at one of
two.

Chosen, not measured.
"""


def is_coherent(lag_track: LagTrack) -> bool:
    return lag_track.coherence >= MIN_COHERENCE and lag_track.agreeing >= MIN_AGREEING


@dataclass(frozen=True)
class SpeedReading:
    """One reading of how fast a recording runs.

    Attributes:
        lag_track: The lag at that speed.
        speed: How many times as fast and as high the recording is.
        stretch: How many times as long it takes at the same pitch.
        correlation: Of the spectrograms at that speed.
    """

    lag_track: LagTrack
    speed: float = 1.0
    stretch: float = 1.0
    correlation: float = 0.0


def search_speed(
    candidate: Samples, reference: Samples, rate: int, lag_track: LagTrack
) -> SpeedReading:
    """The best reading at another speed, or that of `lag_track` where none is better."""
    slow_candidate, slow_reference = (
        _resample_for_search(side, rate) for side in (candidate, reference)
    )
    same_speed, as_rate, as_stretch = find_scalings(slow_candidate, slow_reference, SEARCH_RATE)
    best_scaling = max((as_rate, as_stretch), key=lambda scaling: scaling.correlation)
    if not _is_better(best_scaling, same_speed, len(reference) / max(len(candidate), 1)):
        return _read_same_speed(candidate, reference, rate, lag_track, same_speed)
    if best_scaling.kind == "stretch":
        exact_scaling = sharpen_scaling(best_scaling, slow_candidate, slow_reference, SEARCH_RATE)
        return SpeedReading(
            _place_track(lag_track, exact_scaling, rate),
            stretch=1.0 / exact_scaling.speed,
            correlation=best_scaling.correlation,
        )
    confirmed_track, speed = _confirm_speed(candidate, reference, rate, best_scaling)
    return SpeedReading(confirmed_track, speed, correlation=best_scaling.correlation)


def _read_same_speed(
    candidate: Samples,
    reference: Samples,
    rate: int,
    lag_track: LagTrack,
    same_speed: SpeedScaling,
) -> SpeedReading:
    """The same speed; a clock that is far off blurs the waveforms' correlation, and is tried."""
    if same_speed.correlation >= MIN_SCALED_CORRELATION:
        drifting_track, speed = _confirm_speed(candidate, reference, rate, same_speed)
        if is_coherent(drifting_track):
            return SpeedReading(drifting_track, speed, correlation=same_speed.correlation)
    return SpeedReading(
        _place_track(lag_track, same_speed, rate), correlation=max(same_speed.correlation, 0.0)
    )


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
    if scaling.speed > 1.0:  # what lies above the band of the slowed-down recording is noise to it
        low_rate = rate / scaling.speed
        reference = resample_samples(resample_samples(reference, rate, low_rate), low_rate, rate)
    best_track, speed = _try_ratios(candidate, reference, rate, scaling)
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
    if residual == 1.0:
        return best_track, speed
    second_track = track_lag(
        slow_down(candidate, speed / residual, rate),
        reference,
        round(best_track.lag),
        int(0.02 * rate),
        rate,
    )
    min_ahead = MIN_AHEAD / 4 if speed in STANDARD_RATIOS else 0.0
    if second_track.coherence >= best_track.coherence + min_ahead:
        return second_track, speed / residual
    return best_track, speed


def _try_ratios(
    candidate: Samples, reference: Samples, rate: int, scaling: SpeedScaling
) -> tuple[LagTrack, float]:
    """The ratio at which the waveforms agree best, one of standard rates before others."""
    lag = round(scaling.lag_seconds * rate)
    best_track, speed = LagTrack(scaling.lag_seconds * rate, 0.0, 0.0, 0.0, 1), scaling.speed
    for ratio in _list_trial_ratios(scaling.speed):
        slowed_candidate = slow_down(candidate, ratio, rate)
        trial_track = track_lag(
            slowed_candidate, reference, lag, int(0.1 * rate), rate, pieces=SCAN_PIECES
        )
        min_ahead = 0.0
        if speed in STANDARD_RATIOS and ratio not in STANDARD_RATIOS:
            min_ahead = MIN_AHEAD
        if trial_track.coherence > best_track.coherence + min_ahead:
            best_track, speed = trial_track, ratio
    return best_track, speed


def _list_trial_ratios(speed: float) -> list[float]:
    """Ratios of standard rates near a speed, and its surroundings."""
    if speed == 1.0:
        reach, count = MAX_DRIFT_PPM * 1e-6, 17
    else:
        reach, count = 0.004, 9
    near_ratios = sorted(
        ratio for ratio in STANDARD_RATIOS if abs(ratio / speed - 1) < 3 * reach and ratio != 1.0
    )
    return near_ratios + [speed * (1 + step) for step in np.linspace(-reach, reach, count)]


def slow_down(samples: NDArray[np.float32], speed: float, rate: int) -> NDArray[np.float32]:
    """[time] or [channels, time] samples, played `speed` times as slowly (soxr), at the same rate."""
    if speed == 1.0:
        return samples
    return resample_samples(samples, rate, rate * speed)


def resample_samples(
    samples: NDArray[np.float32], rate: float, target_rate: float
) -> NDArray[np.float32]:
    """[time] or [channels, time] samples from one rate to another, in one step: a second would cost
    what is above its half.
    """
    import soxr

    converted = soxr.resample(np.ascontiguousarray(samples.T), rate, target_rate, quality="VHQ")
    return np.ascontiguousarray(converted.T, dtype=np.float32)
