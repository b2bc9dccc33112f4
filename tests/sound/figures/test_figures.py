"""The standard figures against slow textbook formulas, physics, and the packages that compute them too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.sound.figures import Figure, measure_figures
from auscult.sound.figures.lsd import log_spectral_distance_db
from auscult.sound.figures.mcd import mel_cepstral_distortion_db
from auscult.sound.figures.si_sdr import si_sdr_db
from auscult.sound.figures.snr import MAX_DB, snr_db
from auscult.sound.pitch import estimate_pitch_hertz
from auscult.sound.recording import Recording
from tests.sound.mel_grid import sound

RATE = 16000
CLEAN = sound(RATE, 2.0, 3)
NOISE = np.random.default_rng(0).standard_normal(CLEAN.mono.shape).astype(np.float32)


def table(samples: np.ndarray, reference: Recording = CLEAN) -> dict[str, Figure]:
    return {
        each.name: each
        for each in measure_figures(Recording.from_mono(samples, reference.sample_rate), reference)
    }


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 2.0))
@settings(max_examples=25, deadline=None)
def test_ratios_are_the_textbook_sums(seed: int, amount: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=50).astype(np.float32)
    x = (0.7 * y + amount * rng.normal(size=50) + 0.1).astype(np.float32)
    noise = sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True))
    assert snr_db(x, y) == pytest.approx(
        10 * np.log10(sum(float(b) ** 2 for b in y) / noise), abs=1e-3
    )
    a, b = x - np.mean(x, dtype=np.float64), y - np.mean(y, dtype=np.float64)
    target = [float(np.dot(a, b) / np.dot(b, b)) * value for value in b]
    rest = [float(value) - t for value, t in zip(a, target, strict=True)]
    expected = 10 * np.log10(sum(t * t for t in target) / sum(r * r for r in rest))
    assert si_sdr_db(x, y) == pytest.approx(expected, abs=1e-3)
    assert si_sdr_db(3 * x, y) == pytest.approx(si_sdr_db(x, y), abs=1e-3)


def test_the_same_is_perfect() -> None:
    found = table(CLEAN.mono)
    assert found["snr"].value == found["si_sdr"].value == MAX_DB
    assert found["correlation"].value == pytest.approx(1.0)
    for name in ("lsd", "mel_distance", "mcd", "f0_rmse", "voicing_error"):
        assert found[name].value == pytest.approx(0.0, abs=1e-6) or found[name].reason, name
    assert all(each.seconds == pytest.approx(2.0) for each in found.values())


def test_noise_of_a_known_level() -> None:
    level = float(np.sqrt(np.mean(CLEAN.mono**2)) * 0.1 / np.sqrt(np.mean(NOISE**2)))
    found = table(CLEAN.mono + level * NOISE)
    assert found["snr"].value == pytest.approx(20.0, abs=0.05)
    assert found["si_sdr"].value == pytest.approx(20.0, abs=0.1)
    assert (found["lsd"].value or 0) > 1.0


def test_lag_gain_and_rate_are_taken_out_first() -> None:
    late = np.pad(CLEAN.mono, (123, 0))
    assert table(late)["snr"].value == MAX_DB
    halved = table(0.5 * CLEAN.mono)
    assert halved["gain"].value == pytest.approx(-6.0206, abs=0.01)
    assert halved["si_sdr"].value == MAX_DB
    labelled = {
        each.name: each for each in measure_figures(Recording.from_mono(CLEAN.mono, 22050), CLEAN)
    }
    assert (labelled["snr"].value or 0) > 15.0


def test_a_gain_is_a_distance_of_as_many_decibels() -> None:
    factor = np.float32(10 ** (-6 / 20))
    loud = (0.2 * NOISE).astype(np.float32)
    assert log_spectral_distance_db(factor * loud, loud, RATE) == pytest.approx(6.0, abs=0.01)
    assert mel_cepstral_distortion_db(factor * loud, loud, RATE) == pytest.approx(0.0, abs=0.01)


def test_mcd_is_the_textbook_formula() -> None:
    from dataclasses import replace

    from auscult.sound.figures.mel_distance import compute_mel_pair
    from auscult.sound.measures import standard_mel

    x, y = (0.1 * NOISE[:8000]).astype(np.float32), CLEAN.mono[:8000]
    mine, theirs = compute_mel_pair(x, y, replace(standard_mel(RATE), n_mels=80))
    total = []
    for a, b in zip(mine.T, theirs.T, strict=True):
        cepstra = [
            [
                2.0 / 80 * sum(v * np.cos(np.pi * k * (m + 0.5) / 80) for m, v in enumerate(side))
                for k in range(1, 14)
            ]
            for side in (a, b)
        ]
        total.append(
            10 / np.log(10) * np.sqrt(2 * sum((p - q) ** 2 for p, q in zip(*cepstra, strict=True)))
        )
    assert mel_cepstral_distortion_db(x, y, RATE) == pytest.approx(np.mean(total), rel=1e-4)


@pytest.mark.parametrize("hertz", [82.0, 220.0, 523.25])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_pitch_of_a_tone(hertz: float, rate: int) -> None:
    time = np.arange(rate) / rate
    tone = np.sum([np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 5)], axis=0)
    found = estimate_pitch_hertz((0.1 * tone).astype(np.float32), rate)
    assert np.isfinite(found[5:-5]).all()
    assert 1200 * np.abs(np.log2(found[5:-5] / hertz)).max() < 5.0


def test_noise_and_silence_have_no_pitch() -> None:
    assert np.isfinite(estimate_pitch_hertz((0.1 * NOISE).astype(np.float32), RATE)).mean() < 0.05
    assert not np.isfinite(estimate_pitch_hertz(np.zeros(8000, np.float32), RATE)).any()


def test_a_semitone_is_a_hundred_cents() -> None:
    from auscult.sound.figures import SoundPair
    from auscult.sound.figures.pitch import measure
    from auscult.sound.relation import relate_recordings

    time = np.arange(RATE) / RATE
    low, high = (
        Recording.from_mono((0.1 * np.sign(np.sin(2 * np.pi * f * time))).astype(np.float32), RATE)
        for f in (200.0, 211.893)
    )
    found = {
        each.name: each.value for each in measure(SoundPair(relate_recordings(low, low), high, low))
    }
    assert found["f0_rmse"] == pytest.approx(100.0, abs=2.0)
    assert found["voicing_error"] == pytest.approx(0.0, abs=3.0)


def test_what_cannot_be_taken_has_a_reason() -> None:
    silent = table(CLEAN.mono, Recording.from_mono(np.zeros(RATE, np.float32), RATE))
    assert {each.reason for each in silent.values()} == {"the reference is silent"}
    assert all(each.value is None for each in silent.values())
    short = table(CLEAN.mono[:800], Recording.from_mono(CLEAN.mono[:800], RATE))
    assert short["snr"].value is None


def test_stoi_and_pesq_where_they_are_installed() -> None:
    found = table((CLEAN.mono + 0.05 * NOISE).astype(np.float32))
    for name, package in (("stoi", "pystoi"), ("pesq", "pesq")):
        try:
            __import__(package)
        except ImportError:
            assert found[name].value is None
            assert package in (found[name].reason or "")
        else:
            assert found[name].value is not None or found[name].reason
    perfect = table(CLEAN.mono)
    if perfect["stoi"].value is not None:
        assert perfect["stoi"].value == pytest.approx(1.0, abs=1e-3)


def test_every_figure_says_what_it_is() -> None:
    for each in table(CLEAN.mono).values():
        record = each.to_json()
        assert record["better"] in ("higher", "lower", "zero")
        assert record["needs"] in ("waveform", "spectrum")
