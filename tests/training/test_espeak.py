"""The speech that the trainer learns from; left out where espeak-ng is not installed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.training.sentences import HELD_OUT, PARTS, draw_training_sentences


def test_training_sentences_are_different_and_not_held_out() -> None:
    for language in PARTS:
        said = draw_training_sentences(language, 90, seed=7)
        assert len(set(said)) == 90
        assert said == draw_training_sentences(language, 90, seed=7)
        assert not set(said) & set(HELD_OUT[language])


Say = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="module")
def say() -> Say:
    from auscult.training.espeak import load_espeak

    try:
        return load_espeak().say
    except UsageError as error:
        pytest.skip(str(error))


def test_voices_speak(say: Say) -> None:
    plain, other = say("Buenos días", "es"), say("Buenos días", "es+f2")
    assert plain.dtype == np.float32
    assert 0.05 < np.abs(plain).max() <= 1.0
    assert len(plain) != len(other) or np.abs(plain - other).max() > 0.01


def test_speed_and_what_was_said_before(say: Say) -> None:
    slow, fast = (say("Una frase para medir", "es", words_per_minute=speed) for speed in (120, 220))
    assert len(slow) > 1.3 * len(fast)
    say("something else", "en-us+m3", pitch=80)
    again = say("Una frase para medir", "es", words_per_minute=120)
    assert len(again) == pytest.approx(
        len(slow), rel=0.02
    )  # espeak-ng's flutter makes no two renderings alike


def test_another_process_says_the_same(say: Say) -> None:
    """Nothing hangs on the time of day: the second process starts in another second of it."""
    program = """
import hashlib
from auscult.training.espeak import load_espeak
said = [load_espeak().say(text, voice) for text in ("una frase", "otra frase más larga") for voice in ("es", "es+m7", "es+f4")]
print(hashlib.sha256(b"".join(samples.tobytes() for samples in said)).hexdigest())
"""
    heard = []
    for _ in range(2):
        heard.append(
            subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True
            ).stdout
        )
        time.sleep(1.0)
    assert heard[0] == heard[1]


def test_an_unknown_voice_is_named(say: Say) -> None:
    with pytest.raises(UsageError, match="no-such-voice"):
        say("hola", "no-such-voice")
