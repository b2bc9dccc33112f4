import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("espeakng_loader")

from auscult.finding import Finding, Severity
from auscult.rules.sound import snd064_tail as rule
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording
from corpus.sound.material import make_speech

RATE = 16000
SPOKEN = make_speech(71, RATE, seconds=4.0).recording.samples[0][: int(2.6 * RATE)]
NOISE = np.random.default_rng(1).standard_normal(2 * RATE)
VOICE = np.concatenate([1e-5 * NOISE[: RATE // 4], SPOKEN])
SECONDS = np.arange(2 * RATE) / RATE
LOUD = float(np.sqrt(np.mean(VOICE**2)))
TAILS = {
    "hum": 0.05 * LOUD * np.sin(2 * np.pi * 100 * SECONDS),
    "noise": 0.05 * LOUD * NOISE,
    "murmur": 0.06 * VOICE[: 2 * RATE],
}


def find(samples: NDArray[np.floating]) -> list[Finding]:
    recording = Recording(samples[None].astype(np.float32), RATE, "x")
    return [each for each in rule.check(SoundSubject(recording)) if isinstance(each, Finding)]


@pytest.mark.parametrize("kind", TAILS)
def test_what_goes_on_is_named(kind: str) -> None:
    (finding,) = find(np.concatenate([VOICE, TAILS[kind]]))
    assert finding.severity is Severity.WARNING
    assert kind in finding.message


def test_next_to_silence_is_information() -> None:
    (finding,) = find(np.concatenate([VOICE, 3e-5 * NOISE]))
    assert finding.severity is Severity.INFO
    assert "next to silence" in finding.message


def test_a_voice_that_ends_a_room_that_rings_and_what_is_no_voice() -> None:
    assert find(VOICE) == []
    assert find(np.concatenate([VOICE, 0.05 * LOUD * NOISE * 10 ** (-1.5 * SECONDS)])) == []
    assert find(np.concatenate([0.3 * NOISE, 0.005 * NOISE])) == []
