"""The recordings that a codec is trained on: a folder of audio, or Telugu speech that espeak-ng
says here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.facts.audio_files import READABLE_SUFFIXES
from auscult.training.codec.telugu import HELD_OUT, STYLES, VALIDATION, VOICES, make_sentence
from auscult.training.espeak import load_espeak

TELUGU = "telugu"
"""The name that stands for the recipe instead of a folder."""
FILES_PER_HELD_OUT = (
    20  # of a folder, every this-many-th file is held out, and the one before it is for validation
)
SILENCE_DBFS = -90.0
NamedSamples = tuple[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Speech:
    """Mono recordings [time], float32, at one rate.

    Attributes:
        training: What is trained on.
        validation: What a run is looked at with while it trains, with names.
        held_out: What the finished codec is judged by, once; nothing is chosen by it.
    """

    training: tuple[NDArray[np.float32], ...]
    validation: tuple[NamedSamples, ...]
    held_out: tuple[NamedSamples, ...]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Of training material."""
        return sum(map(len, self.training)) / self.sample_rate


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


def require_sound(speech: Speech, source: str) -> None:
    """Refuse material of silence: a training on it fails in ways that look like other faults.

    Raises:
        UsageError: If no recording to train on, or none that is held out, has a sound in it.
    """
    lowest = 10 ** (SILENCE_DBFS / 20)
    held_out = [samples for _, samples in speech.held_out]
    for use, recordings in (("to train on", speech.training), ("held out", held_out)):
        if not any(len(samples) and np.abs(samples).max() > lowest for samples in recordings):
            raise UsageError(
                f"every recording {use} is silent",
                where=source,
                found=f"{len(recordings)} recordings, none above {SILENCE_DBFS:.0f} dBFS",
                hint="look at what wrote them; `auscult listen` says more of each",
            )


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


def read_folder(
    folder: Path, sample_rate: int, left_out: frozenset[str] = frozenset()
) -> tuple[list[NDArray[np.float32]], list[NamedSamples], list[NamedSamples]]:
    """Every audio file under a folder, mixed to mono and resampled: those to train on, and one in
    twenty each for validation and held out.

    Raises:
        UsageError: If there are fewer than three audio files.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in READABLE_SUFFIXES and str(path) not in left_out
    )
    if len(paths) < 3:
        raise UsageError(
            "too few recordings to train on, to validate with and to hold one out",
            where=str(folder),
            expected=f"three or more of {', '.join(READABLE_SUFFIXES)}",
            found=len(paths),
            hint="name a folder of recordings, or `telugu` for speech that espeak-ng makes",
        )
    training, validation, held_out = [], [], []
    for place, path in enumerate(reversed(paths)):
        samples = read_mono(path, sample_rate)
        if place % FILES_PER_HELD_OUT == 0:
            held_out.append((path.name, samples))
        elif place % FILES_PER_HELD_OUT == 1:
            validation.append((path.name, samples))
        else:
            training.append(samples)
    return training[::-1], validation[::-1], held_out[::-1]


def read_mono(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """A recording mixed to mono at `sample_rate`, float32 [time]."""
    from auscult.sound.recording import read_recording

    recording = read_recording(path)
    mono = recording.samples.mean(axis=tuple(range(recording.samples.ndim - 1)))
    if recording.sample_rate != sample_rate:
        mono = soxr.resample(mono, recording.sample_rate, sample_rate)
    return np.asarray(mono, np.float32)
