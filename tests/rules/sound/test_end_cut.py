import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("espeakng_loader")

from auscult.finding import Finding
from auscult.rules.sound import snd063_end_cut as rule
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording
from corpus.sound.material import make_speech

RATE = 16000
VOICE = make_speech(71, RATE, seconds=4.0).recording.samples[0]


def find(samples: NDArray[np.floating]) -> list[Finding]:
    recording = Recording(samples[None].astype(np.float32), RATE, "x")
    return [each for each in rule.check(SoundSubject(recording)) if isinstance(each, Finding)]


def test_a_voice_that_breaks_off_in_a_vowel() -> None:
    (finding,) = find(VOICE[: int(2.7 * RATE)])
    assert finding.times == ((2.65, 2.7),)


def test_a_voice_that_ends_in_a_pause_and_a_tone_that_never_ends() -> None:
    assert find(VOICE[: int(2.6 * RATE)]) == []
    assert find(np.sin(np.arange(3 * RATE) / 17)) == []


def test_a_click_behind_the_last_word_is_no_cut() -> None:
    samples = VOICE[: int(2.6 * RATE)].copy()
    samples[-100:] += np.float32(0.3) * np.sin(np.arange(100) / 5)
    assert find(samples) == []
