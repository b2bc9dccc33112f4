"""Measures are checked by physics: what must raise them does, and level, silence and rate leave them alone."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import AudioError
from auscult.sound.measures import (
    comb_share,
    log_mel_distance,
    mel_correlation,
    mel_movement_db,
    rms,
    spectral_flatness,
)


def syllables(rate: int, seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    """A voice-like sound: harmonics of a gliding pitch, in syllables of changing colour."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(130 + 25 * np.sin(2 * np.pi * 0.7 * time)) / rate
    total = np.zeros_like(time)
    for harmonic in range(1, 24):
        gain = np.repeat(rng.uniform(0.0, 1.0, int(seconds * 5) + 1), rate // 5)[: len(time)]
        total += gain / harmonic * np.sin(harmonic * phase)
    return (0.1 * total * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * time))).astype(np.float32)


def buzz(rate: int, period: int, seconds: float = 2.0) -> np.ndarray:
    shape = np.random.default_rng(1).standard_normal(period)
    return (0.1 * np.tile(shape, int(rate * seconds) // period + 1)[: int(rate * seconds)]).astype(
        np.float32
    )


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_comb_share_tells_a_buzz_from_a_voice(rate: int, gain: float) -> None:
    assert comb_share((gain * buzz(rate, 256)).astype(np.float32), rate, 256) > 0.9
    assert comb_share((gain * syllables(rate)).astype(np.float32), rate, 256) < 0.3


def test_comb_share_of_noise_and_silence_is_near_zero() -> None:
    noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    assert comb_share(noise, 16000, 256) < 0.05
    assert comb_share(np.zeros(16000, np.float32), 16000, 256) == 0.0


@pytest.mark.parametrize("rate", [16000, 44100])
def test_movement_ignores_level_and_silence_at_the_ends(rate: int) -> None:
    voice = syllables(rate)
    plain = mel_movement_db(voice, rate)
    assert mel_movement_db((0.03 * voice).astype(np.float32), rate) == pytest.approx(
        plain, abs=0.05
    )
    padded = np.pad(voice, rate)
    assert mel_movement_db(padded, rate) == pytest.approx(plain, abs=1.0)
    assert mel_movement_db(buzz(rate, 256), rate) < 3.0 < plain


def test_flatness_tells_noise_from_tones() -> None:
    noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    tone = np.sin(2 * np.pi * 440 * np.arange(32000) / 16000).astype(np.float32)
    assert spectral_flatness(noise, 16000) > 0.8
    assert spectral_flatness(tone, 16000) < 0.01


def test_distance_and_correlation_of_mels() -> None:
    mel = np.random.default_rng(0).standard_normal((80, 20)).astype(np.float32)
    assert log_mel_distance(mel, mel + 0.5) == pytest.approx(0.5, abs=1e-6)
    assert log_mel_distance(mel, np.pad(mel, ((0, 0), (0, 7)))) == 0.0
    assert mel_correlation(mel, 3 * mel + 1) == pytest.approx(1.0)
    assert mel_correlation(mel, -mel) == pytest.approx(-1.0)
    assert mel_correlation(mel, np.zeros_like(mel)) == 0.0
    with pytest.raises(AudioError, match="bands"):
        log_mel_distance(mel, mel[:40])


def test_rms() -> None:
    assert rms(np.full(10, -0.5, np.float32)) == pytest.approx(0.5)
