"""Lines on the multiples of a frequency: what repeats exactly is told from what nearly does."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.rules.sound.snd001_buzz import MIN_LINES_BLIND, list_frame_rates
from auscult.sound.comb import find_strongest_comb
from tests.sound.test_measures import buzz, syllables


def sawtooth(hertz: float, rate: int, seconds: float = 3.0) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    partials = range(1, int(0.48 * rate / hertz) + 1)
    waves = [np.sin(2 * np.pi * hertz * n * time + n * n) / n for n in partials]
    return np.sum(waves, axis=0).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize("hop", [64, 256, 480])
def test_a_buzz_is_found_among_the_usual_rates(rate: int, hop: int) -> None:
    found = find_strongest_comb(buzz(rate, hop), rate, list_frame_rates(rate))
    assert found.hertz == pytest.approx(rate / hop)
    assert found.share > 0.9


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_buzz_under_a_voice(share: float) -> None:
    voice, noise = (
        syllables(22050),
        1e-3 * np.random.default_rng(0).standard_normal(44100).astype(np.float32),
    )
    under = buzz(22050, 256)[: len(voice)]
    mixed = (
        np.sqrt(1 - share) * voice / voice.std()
        + np.sqrt(share) * under / under.std()
        + noise[: len(voice)]
    )
    assert (
        find_strongest_comb(mixed.astype(np.float32), 22050, list_frame_rates(22050)).share
        > MIN_LINES_BLIND
    )


@pytest.mark.parametrize("hertz", [61.74, 87.31, 93.0, 110.0, 171.5])
@pytest.mark.parametrize("rate", [16000, 24000])
def test_a_held_note_is_no_buzz(hertz: float, rate: int) -> None:
    assert (
        find_strongest_comb(sawtooth(hertz, rate), rate, list_frame_rates(rate)).share
        < MIN_LINES_BLIND / 2
    )


def test_loudness_does_not_matter() -> None:
    rate = 16000
    steady = buzz(rate, 256)
    swelling = steady * np.linspace(0.02, 1.0, len(steady), dtype=np.float32)
    assert find_strongest_comb(swelling, rate, [62.5]).share == pytest.approx(
        find_strongest_comb(steady, rate, [62.5]).share, abs=0.05
    )


def test_noise_silence_and_next_to_nothing_have_no_lines() -> None:
    noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    assert abs(find_strongest_comb(noise, 16000, list_frame_rates(16000)).share) < 0.05
    for samples in (np.zeros(16000, np.float32), np.zeros(0, np.float32), np.ones(1, np.float32)):
        assert find_strongest_comb(samples, 16000, list_frame_rates(16000)).share == 0.0
