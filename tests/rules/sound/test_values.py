"""What is said of a defect is right in its value, and the real sound that is most like it is quiet."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, chirp, lfilter, sosfilt

from auscult.finding import Finding, Severity
from auscult.rules import every_rule
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording
from tests.sound.mel_grid import sound

RATE = 16000
CLEAN = sound(RATE, 3.0, 11).samples[0].astype(np.float64)
VOICE = 0.5 * CLEAN / np.abs(CLEAN).max()
TIME = np.arange(len(VOICE)) / RATE
NOISE = np.random.default_rng(5).standard_normal(len(VOICE))
RULES = {rule.name: rule for rule in every_rule("sound")}
Samples = NDArray[np.float64]


def find(cause: str, samples: Samples, rate: int = RATE) -> Finding | None:
    recording = Recording(np.atleast_2d(samples).astype(np.float32), rate, "x.wav")
    findings = RULES[cause].check(SoundSubject(recording))
    return next((each for each in findings if isinstance(each, Finding)), None)


@pytest.mark.parametrize("below_db", [15, 20])
def test_hiss_says_how_far_below_the_sound_it_is(below_db: int) -> None:
    hiss = NOISE * VOICE.std() * 10 ** (-below_db / 20)
    words = VOICE * np.sin(2 * np.pi * 1.5 * TIME).clip(0, None)
    hiss *= words.std() / VOICE.std()
    finding = find("hiss", words + hiss)
    assert finding is not None
    assert finding.evidence["snr_db"] == pytest.approx(below_db, abs=2)


def test_a_noise_that_fades_with_the_sound_is_no_hiss() -> None:
    level = 10 ** (-TIME / 3)
    assert find("hiss", level * (VOICE + 0.1 * VOICE.std() * NOISE)) is None


@pytest.mark.parametrize("step", [-0.1, -0.15])
def test_a_step_of_the_constant_has_its_size_and_place(step: float) -> None:
    finding = find("dc-step", VOICE + step * (TIME > 1.5))
    assert finding is not None
    ((seconds, size),) = finding.evidence["steps"]
    assert seconds == pytest.approx(1.5, abs=0.1)
    assert size == pytest.approx(step, rel=0.25)


def test_a_lopsided_wave_that_grows_louder_has_no_sure_step() -> None:
    lopsided = np.sin(2 * np.pi * 200 * TIME) + 0.3 * np.cos(2 * np.pi * 400 * TIME) + 0.2
    finding = find("dc-step", 0.3 * lopsided * np.where(TIME > 1.5, 1.0, 0.3))
    assert finding is None or finding.severity is Severity.INFO


@pytest.mark.parametrize("hertz", [2500, 3000, 4000, 5000])
def test_the_cutoff_of_a_limited_band_is_said(hertz: int) -> None:
    """Up to the leakage of the analysis window, three bins of 31.25 Hz (94 Hz), too high."""
    spectrum = np.fft.rfft(VOICE + 0.02 * NOISE)
    spectrum[np.fft.rfftfreq(len(VOICE), 1 / RATE) > hertz] = 0
    finding = find("band-limited", np.fft.irfft(spectrum, len(VOICE)))
    assert finding is not None
    assert hertz <= finding.evidence["cutoff_hz"] <= hertz + 94


def test_a_sound_that_grows_dull_gently_is_not_limited() -> None:
    assert (
        find("band-limited", sosfilt(butter(1, 1000, fs=RATE, output="sos"), VOICE + 0.02 * NOISE))
        is None
    )


def test_a_voice_through_tanh_is_saturated_and_the_voice_is_not() -> None:
    finding = find("saturated", 0.9 * np.tanh(20 * VOICE))
    assert finding is not None
    assert finding.evidence["crowding"] > 0.5
    assert find("saturated", VOICE) is None


def swap_bytes(samples: Samples) -> Samples:
    """The samples as 16 bits whose bytes were exchanged."""
    pcm = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")
    return np.asarray(pcm.byteswap() / 32768, np.float64)


def test_exchanged_bytes_are_told_and_whistles_of_birds_are_not() -> None:
    finding = find("byte-order", swap_bytes(VOICE))
    assert finding is not None
    assert finding.severity is Severity.ERROR
    bird = 0.6 * chirp(TIME % 0.2, 5500, 0.2, 7500) * (TIME % 0.4 < 0.2)
    assert find("byte-order", np.rint(bird * 32767) / 32768) is None
    assert find("byte-order", 0.2 * NOISE) is None


def test_gaps_say_how_many_they_are_and_how_they_repeat() -> None:
    steady = lfilter([1], [1, -0.9], NOISE)
    steady *= 0.1 / steady.std()
    is_gap = TIME % 0.32 >= 0.32 - 0.01
    finding = find("dropouts", np.where(is_gap, 0.0, steady))
    assert finding is not None
    assert finding.evidence["gaps"] == pytest.approx(len(TIME) / RATE // 0.32, abs=1)
    assert finding.evidence["period_seconds"] == pytest.approx(0.32, abs=0.001)


def test_digital_pauses_on_a_constant_are_no_gaps() -> None:
    is_word = np.sin(2 * np.pi * 1.5 * TIME).clip(0, None)
    words = np.rint(32767 * (VOICE * is_word**2 + 0.2)) / 32768
    assert find("dropouts", words) is None


def code_as_a_law(samples: Samples) -> Samples:
    """The samples through G.711's A-law, [time]."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="ALAW")
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float64")
    return np.asarray(decoded)


def test_a_loud_voice_on_the_levels_of_a_law_is_not_clipped() -> None:
    loud = np.tanh(0.5 * NOISE)
    assert find("clipping", code_as_a_law(loud), 8000) is None
    assert find("clipping", code_as_a_law(loud.clip(-0.5, 0.5)), 8000) is not None
