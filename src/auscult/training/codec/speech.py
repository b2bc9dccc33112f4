"""The recordings that a codec is trained on: a folder of audio, or Telugu speech that espeak-ng
says here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from auscult.training.codec.telugu import HELD_OUT, STYLES, VALIDATION, VOICES, make_sentence
from auscult.training.espeak import load_espeak
from auscult.training.recordings import SILENCE_DBFS, NamedSamples, Speech, read_folder

TELUGU = "telugu"
"""The name that stands for the recipe instead of a folder."""


def read_speech(
    source: str,
    sample_rate: int,
    level: float | None,
    *,
    minutes: float,
    seed: int,
    left_out: frozenset[str] = frozenset(),
) -> Speech:
    """The material named `source`: `telugu`, or a folder whose audio files are read.

    Args:
        level: RMS in dBFS to which each recording is brought (`Config.level`).
        minutes: How much Telugu to make.
        left_out: Files of the folder that are not used.

    Raises:
        UsageError: If the folder has too little in it.
    """
    if source == TELUGU:
        training = list(make_telugu_speech(minutes * 60, sample_rate, seed))
        validation, held_out = (
            speak_telugu_sentences(texts, sample_rate) for texts in (VALIDATION, HELD_OUT)
        )
    else:
        training, validation, held_out = read_folder(Path(source), sample_rate, left_out)
    return Speech(
        tuple(set_level(samples, level)[0] for samples in training),
        tuple((name, set_level(samples, level)[0]) for name, samples in validation),
        tuple((name, set_level(samples, level)[0]) for name, samples in held_out),
        sample_rate,
    )


def set_level(
    samples: NDArray[np.float32], level: float | None
) -> tuple[NDArray[np.float32], float]:
    """The samples at an RMS of `level` dBFS, and the gain that was applied; silence and `None` stay
    as they are.
    """
    if len(samples):
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    else:
        rms = 0.0
    if level is None or rms < 10 ** (SILENCE_DBFS / 20):
        return samples, 1.0
    gain = 10 ** (level / 20) / rms
    return (samples * np.float32(gain)).astype(np.float32), gain


def make_telugu_speech(
    seconds: float, sample_rate: int, seed: int
) -> Iterator[NDArray[np.float32]]:
    """Sentences by voices and in styles drawn at random, until they last `seconds`."""
    rng = random.Random(seed)
    seconds_made = 0.0
    while seconds_made < seconds:
        samples = say_text(
            make_sentence(rng), rng.choice(VOICES), rng.choice(list(STYLES)), sample_rate
        )
        seconds_made += len(samples) / sample_rate
        yield samples


def speak_telugu_sentences(texts: Sequence[str], sample_rate: int) -> list[NamedSamples]:
    """Every sentence once; voices and styles go round."""
    styles = list(STYLES)
    return [
        (
            f"sentence {number + 1}",
            say_text(text, VOICES[number % len(VOICES)], styles[number % len(styles)], sample_rate),
        )
        for number, text in enumerate(texts)
    ]


def say_text(text: str, voice: str, style: str, sample_rate: int) -> NDArray[np.float32]:
    words_per_minute, pitch = STYLES[style]
    samples = load_espeak().say(text, voice, words_per_minute=words_per_minute, pitch=pitch)
    return np.asarray(soxr.resample(samples, load_espeak().sample_rate, sample_rate), np.float32)
