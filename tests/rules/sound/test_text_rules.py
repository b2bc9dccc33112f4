"""What `--text` answers: too long, said twice, never stopped, cut off; and a wrong rate only where the voice agrees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.facts.syllables import count_syllables
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.likeness import measure_likeness
from auscult.sound.recording import Recording

RATE = 16000
TEXT = "Seven ships left the harbour before anyone noticed."
QUESTIONS = {"too-long-for-text", "said-twice", "never-stopped", "too-short-for-text"}
Samples = NDArray[np.float32]


def say(seed: int, syllables: int = 14) -> Samples:
    """Syllables of 0.2 s, each a vowel of two formants drawn at random."""
    rng, time = np.random.default_rng(seed), np.arange(int(0.2 * RATE)) / RATE
    hertz = 120.0 * np.arange(1, 60)
    waves = np.sin(2 * np.pi * hertz[:, None] * time + 0.3 * np.arange(59)[:, None])
    parts = []
    for _ in range(syllables):
        formants = rng.uniform((250, 900), (900, 3500))
        levels = sum(np.exp(-(((hertz - formant) / 120) ** 2)) for formant in formants)
        parts.append(np.hanning(len(time)) ** 0.5 * (levels @ waves))
    samples = np.concatenate(parts)
    return np.asarray(0.3 * samples / np.abs(samples).max(), np.float32)


VOICE = say(7)
SILENCE = np.zeros(RATE // 2, np.float32)


def answer(samples: Samples, text: str = TEXT) -> set[str]:
    subject = SoundSubject(Recording.from_mono(samples, RATE), facts=SoundFacts(text=text))
    return {finding.cause for finding in run_sound_rules(subject)[0]} & {
        *QUESTIONS,
        "sample-rate-label",
    }


def say_again(samples: Samples) -> Samples:
    """The same at another pace and pitch."""
    return Recording.from_mono(samples, RATE).resample(int(RATE * 0.94)).mono


def run_on(seconds: float) -> Samples:
    return np.concatenate([VOICE, say(20, int(seconds / 0.2))])


def test_the_right_length_is_nothing() -> None:
    assert answer(np.concatenate([VOICE, SILENCE])) == set()
    assert answer(VOICE) == set()


def test_said_twice() -> None:
    assert answer(np.concatenate([VOICE, SILENCE, say_again(VOICE), SILENCE])) == {"said-twice"}


def test_a_text_that_is_twice_in_itself_is_said_twice_rightly() -> None:
    both = np.concatenate([VOICE, SILENCE, say_again(VOICE), SILENCE])
    assert answer(both, f"{TEXT} {TEXT}") == set()


def test_never_stopped() -> None:
    assert answer(run_on(16.0)) == {"never-stopped"}


def test_too_long() -> None:
    assert answer(np.concatenate([run_on(16.0), SILENCE])) == {"too-long-for-text"}


def test_cut_off() -> None:
    assert answer(VOICE, " ".join([TEXT] * 4)) == {"too-short-for-text"}


def test_short_texts_are_not_judged() -> None:
    assert answer(run_on(16.0), "No.") == set()


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("Mañana por la tarde iremos al museo.", 14),
        ("\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002", 6),
        ("\uc624\ub298\uc740 \ub0a0\uc528\uac00 \uc88b\ub2e4", 8),
        ("\u3072\u3083\u304f", 2),
        ("Сегодня утром", 5),
        ("...", 0),
    ],
)
def test_syllables_of_many_scripts(text: str, syllables: int) -> None:
    assert count_syllables(text) == pytest.approx(syllables, abs=1)


def test_two_sounds_are_not_alike() -> None:
    other = say(8)
    alike = measure_likeness(np.concatenate([VOICE, say_again(VOICE)]), RATE)
    unlike = measure_likeness(np.concatenate([VOICE, other]), RATE)
    assert alike is not None
    assert unlike is not None
    assert alike.likeness > 0.85
    assert unlike.likeness < 0.7
    assert alike.likeness - alike.backwards > 0.2
    assert measure_likeness(VOICE[:3000], RATE) is None
