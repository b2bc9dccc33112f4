"""Events that are heard without a reference: planted ones are found, and the same sound without them is quiet."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from auscult.finding import Finding
from auscult.rules import every_rule
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording
from tests.sound.mel_grid import sound

RATE = 16000
CLEAN = sound(RATE, 3.0, 7)
VOICE = (CLEAN.samples[0] * 0.5 / np.abs(CLEAN.samples).max()).astype(np.float32)
TIME = np.arange(len(VOICE)) / RATE
WORDS = sosfilt(butter(6, 1500, fs=RATE, output="sos"), VOICE) * (np.sin(2 * np.pi * 2 * TIME) > 0)
RNG = np.random.default_rng(0)
Samples = NDArray[np.float32]
RULES = {
    rule.name: rule for rule in every_rule("sound") if rule.code < "SND040" or rule.code == "SND059"
}


def find(cause: str, samples: Samples, rate: int = RATE) -> list[Finding]:
    subject = SoundSubject(Recording(np.atleast_2d(np.asarray(samples, np.float32)), rate, "x.wav"))
    return [each for each in RULES[cause].check(subject) if isinstance(each, Finding)]


def to_int16(samples: Samples) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.rint(samples * 32767), -32768, 32767), np.int16)


def plant_headers() -> Samples:
    parts = [to_int16(part) for part in np.array_split(VOICE, 3)]
    stream = b""
    for number, part in enumerate(parts):
        buffer = io.BytesIO()
        soundfile.write(buffer, part, RATE, format="WAV", subtype="PCM_16")
        stream += buffer.getvalue() if number else part.tobytes()
    return np.asarray(np.frombuffer(stream, "<i2") / 32768, np.float32)


def plant_sizes() -> Samples:
    stream = b""
    for part in np.array_split(to_int16(VOICE), 3):
        data = part.tobytes()
        stream += data + (36 + len(data)).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return np.asarray(np.frombuffer(stream, "<i2") / 32768, np.float32)


def plant_start_burst() -> Samples:
    burst = 0.9 * np.exp(-np.arange(600) / 120)
    return np.concatenate([burst, np.zeros(1600), VOICE]).astype(np.float32)


def plant_end_burst() -> Samples:
    noise = RNG.standard_normal(640) * 0.2
    return np.concatenate([VOICE, np.zeros(1600), noise]).astype(np.float32)


def plant_loop() -> Samples:
    return np.concatenate([VOICE[:32000], *[VOICE[25600:32000]] * 4])


def plant_step() -> Samples:
    return np.concatenate([VOICE[:24000], VOICE[24000:] + np.float32(0.05)])


def plant_hiss() -> Samples:
    return np.asarray(VOICE + RNG.standard_normal(len(VOICE)) * 0.01, np.float32)


PLANTS: dict[str, Callable[[], Samples]] = {
    "click": plant_headers,
    "edge-burst": plant_start_burst,
    "tone": lambda: np.asarray(WORDS + 1e-3 * np.sin(2 * np.pi * 3127 * TIME), np.float32),
    "echo": lambda: np.asarray(VOICE + 0.7 * np.roll(VOICE, 1600), np.float32),
    "repeat": plant_loop,
    "dc-step": plant_step,
    "coarse-steps": lambda: np.asarray(np.round(VOICE * 128) / 128, np.float32),
    "over-full-scale": lambda: np.asarray(3 * VOICE, np.float32),
    "channel-lost": lambda: np.stack([VOICE, 0 * VOICE]),
    "hiss": plant_hiss,
}


@pytest.mark.parametrize("cause", PLANTS)
def test_what_is_planted_is_found(cause: str) -> None:
    assert find(cause, PLANTS[cause]())


@pytest.mark.parametrize("cause", PLANTS)
def test_the_same_sound_without_it_is_quiet(cause: str) -> None:
    samples = np.stack([VOICE, 0.5 * VOICE]) if cause == "channel-lost" else VOICE
    assert find(cause, samples) == []


@pytest.mark.parametrize("make", [plant_headers, plant_sizes])
def test_header_bytes_are_decoded(make: Callable[[], Samples]) -> None:
    (finding,) = find("click", make())
    assert "bytes of" in finding.message
    assert finding.evidence["headers"] >= 2


def test_a_burst_at_the_end() -> None:
    (finding,) = find("edge-burst", plant_end_burst())
    assert finding.evidence["end"]
    assert not finding.evidence["start"]


def test_a_rate_lowered_without_a_low_pass() -> None:
    noise = RNG.standard_normal(3 * 48000) * np.repeat(RNG.uniform(0.01, 1, 60), 2400)
    assert find("aliasing", noise[::3].astype(np.float32))
    proper = Recording.from_mono(noise.astype(np.float32), 48000).resample(RATE)
    assert find("aliasing", proper.samples) == []
