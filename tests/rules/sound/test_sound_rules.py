"""Buzz and flat mel: planted ones are found at any level and rate, and clean sounds give nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult import rules
from auscult.finding import Finding, Severity
from auscult.rules.sound import snd001_buzz as buzz
from auscult.rules.sound import snd002_flat_mel as flat_mel
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording
from tests.sound.test_measures import buzz as steady_buzz
from tests.sound.test_measures import syllables


def record(samples: NDArray[np.float32], rate: int = 16000) -> Recording:
    return Recording.from_mono(samples, rate, "x.wav")


def causes(subject: SoundSubject) -> dict[str, Finding]:
    return {finding.cause: finding for finding in run_sound_rules(subject)[0]}


@pytest.mark.parametrize("rate", [16000, 24000, 48000])
@pytest.mark.parametrize("gain", [1.0, 0.01])
@pytest.mark.parametrize("with_reference", [True, False])
def test_a_steady_buzz_is_an_error(rate: int, gain: float, with_reference: bool) -> None:
    reference = record(syllables(rate), rate) if with_reference else None
    found = causes(
        SoundSubject(
            record((gain * steady_buzz(rate, 256)).astype(np.float32), rate), reference, 256
        )
    )
    assert next(iter(found)) == "buzz"
    assert "flat-mel" in found["buzz"].evidence["explains"]
    assert found["buzz"].severity is Severity.ERROR


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rate", [16000, 24000, 48000])
def test_a_clean_voice_gives_nothing(seed: int, rate: int) -> None:
    breath = 1e-3 * np.random.default_rng(seed).standard_normal(2 * rate).astype(np.float32)
    voice = record(syllables(rate, seed=seed) + breath, rate)
    assert causes(SoundSubject(voice, None, 256)) == {}
    assert causes(SoundSubject(voice, voice, 256)) == {}


def test_words_on_a_pitch_of_the_frame_rate_are_a_warning() -> None:
    """A pulse at the start of each frame, through a mouth that changes ten times a second."""
    rate, rng = 16000, np.random.default_rng(0)
    pulses = np.zeros(3 * rate)
    pulses[::256] = 1
    words = []
    for start in range(0, len(pulses), rate // 10):
        mouth = (
            rng.standard_normal(200)
            * np.exp(-np.arange(200) / rng.uniform(10, 60))
            * rng.uniform(0.05, 1)
        )
        words.append(np.convolve(pulses[start : start + rate // 10], mouth)[: rate // 10])
    found = causes(SoundSubject(record(np.concatenate(words).astype(np.float32)), None, 256))
    assert found["buzz"].severity is Severity.WARNING


@pytest.mark.parametrize(("rate", "hop"), [(22050, 256), (24000, 480), (48000, 512), (16000, 64)])
def test_a_buzz_is_found_without_the_hop(rate: int, hop: int) -> None:
    found = causes(SoundSubject(record(steady_buzz(rate, hop), rate)))
    assert next(iter(found)) == "buzz"
    assert found["buzz"].severity is Severity.ERROR
    assert found["buzz"].evidence["frame_rate_hz"] == pytest.approx(rate / hop)


def test_a_buzz_that_the_reference_has_too_is_none_without_the_hop() -> None:
    note = record(steady_buzz(16000, 256))
    assert "buzz" not in causes(SoundSubject(note, note))


def test_a_note_that_the_reference_holds_too_is_no_buzz() -> None:
    note = record(steady_buzz(16000, 256))
    assert causes(SoundSubject(note, note, 256)) == {}


def test_what_the_reference_has_too_but_faintly_is_still_reported() -> None:
    rate, rng = 24000, np.random.default_rng(0)
    low = np.convolve(rng.standard_normal(3 * rate), np.hanning(24), "same") * np.abs(
        np.sin(np.arange(3 * rate) / 3000)
    )
    floor, pattern = 1e-4 * rng.standard_normal(3 * rate), np.tile([1.0, -1.0], 3 * rate // 2)
    faint, plain = (
        record(((1 + share * pattern) * low + floor).astype(np.float32), rate)
        for share in (5e-4, 0.1)
    )
    assert causes(SoundSubject(faint))["imaging"].severity is Severity.INFO
    assert causes(SoundSubject(plain, faint))["imaging"].severity is Severity.ERROR
    assert "imaging" not in causes(SoundSubject(plain, plain))


def test_noise_is_called_noise() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(32000)).astype(np.float32)
    found = causes(SoundSubject(record(noise), None, 256))
    assert set(found) == {"noise"}
    assert found["noise"].evidence["explains"] == ["flat-mel"]


def test_silence_is_left_to_its_own_rule() -> None:
    assert set(causes(SoundSubject(record(np.zeros(32000, np.float32)), None, 256))) == {"silence"}


def test_without_a_hop_it_is_said_where_a_buzz_was_looked_for() -> None:
    _, skips = rules.run_rules(SoundSubject(record(syllables(16000)), None, None), "sound")
    assert any("buzz" in skip.reason and "usual frame rates" in skip.reason for skip in skips)


def test_codes_are_stable() -> None:
    assert (buzz.CODE, buzz.NAME, flat_mel.CODE, flat_mel.NAME) == (
        "SND001",
        "buzz",
        "SND002",
        "flat-mel",
    )
