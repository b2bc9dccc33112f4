"""How a recording relates to its reference: each fault by itself, to the precision that is promised, and in noise."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.correlation import correlate_lags, find_peak
from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording
from auscult.sound.relation import Relation, relate_recordings
from tests.sound.mel_grid import sound

RATE = 16000
CLEAN = sound(RATE, 3.0, 7)


def related(
    samples: NDArray[np.floating], rate: int = RATE, reference: Recording = CLEAN
) -> Relation:
    return relate_recordings(Recording.from_mono(np.asarray(samples, np.float32), rate), reference)


def played(samples: NDArray[np.float32], ratio: float, rate: int = RATE) -> NDArray[np.float32]:
    """The samples `ratio` times as fast and as high, at the same rate."""
    return np.asarray(soxr.resample(samples, rate * ratio, rate, quality="VHQ"), np.float32)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_correlation_is_the_textbook_sum(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(size=m)
    first, values = correlate_lags(x, y, min_overlap=1)
    for index, value in enumerate(values):
        lag = first + index
        both = [(x[k + lag], y[k]) for k in range(m) if 0 <= k + lag < n]
        a, b = np.array(both).T
        assert value == pytest.approx((a @ b) / np.sqrt((a @ a) * (b @ b)), abs=1e-6)


def test_a_peak_lies_between_samples() -> None:
    at = np.arange(9.0)
    place, height = find_peak(1.0 - 0.1 * (at - 4.3) ** 2)
    assert place == pytest.approx(4.3)
    assert height == pytest.approx(1.0)


def test_the_same() -> None:
    found = related(CLEAN.mono)
    assert (
        found.lag_samples,
        found.drift_ppm,
        found.rate_ratio,
        found.time_stretch,
        found.polarity,
    ) == (0, 0.0, 1.0, 1.0, 1)
    assert found.coherent
    assert found.gain_db == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_array_equal(found.aligned_recording.samples, CLEAN.samples)


@pytest.mark.parametrize("lag", [1, -1, 17, -480, 16000, -20000])
@pytest.mark.parametrize("noise_db", [None, -15.0])
def test_lag_to_the_sample(lag: int, noise_db: float | None) -> None:
    moved = np.pad(CLEAN.mono, (lag, 0)) if lag > 0 else CLEAN.mono[-lag:]
    if noise_db is not None:
        loud = np.sqrt(np.mean(CLEAN.mono**2)) * 10 ** (noise_db / 20)
        moved = moved + loud * np.random.default_rng(0).standard_normal(len(moved))
    found = related(moved)
    assert found.lag_samples == lag
    assert found.aligned_recording.samples.shape == found.aligned_reference.samples.shape


@pytest.mark.parametrize("gain", [0.1, -12.0, 3.3, -40.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gain_to_a_tenth_and_polarity(gain: float, sign: float) -> None:
    noise = 0.003 * np.random.default_rng(0).standard_normal(len(CLEAN.mono))
    found = related(sign * 10 ** (gain / 20) * (CLEAN.mono + noise) + 0.02)
    assert found.gain_db == pytest.approx(gain, abs=0.1)
    assert found.polarity == sign
    assert np.sign(found.correlation) == sign


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "ratio",
    [
        22050 / 16000,
        0.5,
        *(pytest.param(r, marks=SLOW) for r in (24000 / 22050, 16000 / 22050, 1.5, 2.0, 1.037)),
    ],
)
def test_rate_ratio(ratio: float) -> None:
    found = related(played(CLEAN.mono, ratio))
    assert found.rate_ratio == pytest.approx(ratio, rel=1e-4)
    assert found.time_stretch == 1.0
    assert found.rate_correlation > 0.7


def test_another_rate_of_the_file_is_no_other_rate_of_the_sound() -> None:
    found = relate_recordings(CLEAN.resample(22050), CLEAN)
    assert (found.rate_ratio, found.lag_samples) == (1.0, 0)
    assert found.aligned_recording.sample_rate == RATE


@pytest.mark.parametrize("ppm", [50.0, pytest.param(-200.0, marks=SLOW)])
def test_drift(ppm: float) -> None:
    long = sound(RATE, 12.0, 8)
    found = related(played(long.mono, 1 + ppm * 1e-6), reference=long)
    assert found.drift_ppm == pytest.approx(ppm, abs=3.0)
    assert found.rate_ratio == 1.0
    assert found.correlation > 0.95


@pytest.mark.parametrize("factor", [0.8, pytest.param(1.25, marks=SLOW)])
def test_stretch_is_not_a_rate(factor: float) -> None:
    from corpus.sound.plants.time_stretch import stretched

    found = related(stretched(CLEAN.mono, factor))
    assert found.time_stretch == pytest.approx(factor, rel=0.005)
    assert found.rate_ratio == 1.0


@pytest.mark.parametrize("ratio", [1.0, pytest.param(22050 / 16000, marks=SLOW)])
def test_sounds_with_phases_of_their_own(ratio: float) -> None:
    definition = MelDefinition(sample_rate=RATE)
    made = griffin_lim(mel_spectrogram(CLEAN.mono, definition), definition, iterations=8)
    found = related(made, round(RATE * ratio))
    assert not found.coherent
    assert found.rate_ratio == pytest.approx(ratio, rel=0.005)
    assert abs(found.lag_seconds) < 0.03


@pytest.mark.slow
def test_other_content_is_not_related() -> None:
    found = related(np.random.default_rng(0).normal(0, 0.1, 40000))
    assert not found.is_related
    assert found.rate_ratio == 1.0


def test_channels_that_cancel_and_values_that_are_no_numbers() -> None:
    side = np.concatenate([CLEAN.samples, -CLEAN.samples])
    found = relate_recordings(Recording(side, RATE), Recording(side, RATE))
    assert found.coherent
    broken = CLEAN.mono.copy()
    broken[100:200] = np.nan
    assert related(broken).coherent


def test_nothing_to_relate() -> None:
    with pytest.raises(AudioError, match="no samples"):
        related(np.zeros(0))
    silent = related(np.zeros(16000))
    assert silent.gain_db == -np.inf
    assert not silent.is_related


@pytest.mark.slow
def test_minutes_of_lag_in_long_recordings() -> None:
    long = sound(8000, 400.0, 9)
    late = np.pad(long.mono, (8000 * 150 + 3, 0))
    found = relate_recordings(Recording.from_mono(late, 8000), long)
    assert found.lag_samples == 8000 * 150 + 3
    drifting = relate_recordings(
        Recording.from_mono(played(long.mono, 1 + 40e-6, 8000), 8000), long
    )
    assert drifting.drift_ppm == pytest.approx(40.0, abs=1.0)
