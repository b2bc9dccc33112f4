"""Training speech: espeak-ng says the sentences in several voices and styles; batches are cut from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from auscult.sound.mel import MelDefinition, padding_of
from auscult.training.conditioning import EMOTION_DIM, SPEAKER_DIM, named_vector
from auscult.training.espeak import espeak
from auscult.training.sentences import HELD_OUT, PARTS, training_sentences

STYLES = {"neutral": (170, 50), "lively": (195, 66), "calm": (145, 38)}  # words per minute, pitch
VARIANTS = ("", "+m1", "+m3", "+m7", "+f1", "+f2", "+f4")
HELD_OUT_VARIANTS = ("+m2", "+f3")


@dataclass(frozen=True)
class Utterance:
    """A sentence as it was said.

    Attributes:
        voice: espeak-ng's name, such as `es+f2`; "" stands for a voice that the model has not met.
        samples: float32 [time].
    """

    text: str
    voice: str
    style: str
    samples: NDArray[np.float32]


def speak(text: str, voice: str, style: str, sample_rate: int) -> Utterance:
    """One sentence at `sample_rate` Hz."""
    words_per_minute, pitch = STYLES[style]
    samples = espeak().say(text, voice, words_per_minute=words_per_minute, pitch=pitch)
    return Utterance(text, voice, style, soxr.resample(samples, espeak().sample_rate, sample_rate))


def training_speech(
    sentences: int, renderings: int, sample_rate: int, seed: int
) -> list[Utterance]:
    """`sentences` per language, each said `renderings` times by voices and in styles drawn at random."""
    rng = np.random.default_rng(seed)
    return [
        speak(
            text, language + str(rng.choice(VARIANTS)), str(rng.choice(list(STYLES))), sample_rate
        )
        for language in PARTS
        for text in training_sentences(language, sentences, seed)
        for _ in range(renderings)
    ]


def held_out_speech(sample_rate: int, variants: Sequence[str] = VARIANTS) -> list[Utterance]:
    """Every held-out sentence once; voice and style go round."""
    texts = [(language, text) for language, sentences in HELD_OUT.items() for text in sentences]
    styles = list(STYLES)
    return [
        speak(
            text,
            language + variants[index % len(variants)],
            styles[index % len(styles)],
            sample_rate,
        )
        for index, (language, text) in enumerate(texts)
    ]


class Batches:
    """Random segments of the speech, with the samples around them that their outer mel frames see."""

    def __init__(
        self,
        speech: Sequence[Utterance],
        mel: MelDefinition,
        frames: int,
        unknown: float,
        seed: int,
    ) -> None:
        """
        Args:
            frames: Mel frames in a segment.
            unknown: Share of segments whose voice and style are withheld (zero vectors).
        """
        self._margin, self._length, self._hop = padding_of(mel), frames * mel.hop, mel.hop
        self._unknown, self._rng = unknown, np.random.default_rng(seed)
        self._speech = [(u, self._padded(u.samples)) for u in speech]
        lengths = np.array([len(samples) for _, samples in self._speech], float)
        self._chance = lengths / lengths.sum()

    def _padded(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Silence at both ends, so that the edges are segments too and a short sentence fills one."""
        side = self._margin + self._length // 4
        missing = max(0, self._length + 2 * self._margin - len(samples) - 2 * side)
        return np.pad(samples, (side, side + missing))

    def draw(
        self, count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Samples [count, margin + frames * hop + margin], speaker vectors [count, 192], emotion vectors [count, 256]."""
        size = self._length + 2 * self._margin
        samples, speakers, emotions = [], [], []
        for index in self._rng.choice(len(self._speech), count, p=self._chance):
            utterance, padded = self._speech[index]
            start = self._rng.integers(0, len(padded) - size + 1)
            samples.append(padded[start : start + size])
            known = self._rng.random() >= self._unknown
            speakers.append(named_vector(utterance.voice if known else "", SPEAKER_DIM))
            emotions.append(named_vector(utterance.style if known else "", EMOTION_DIM))
        return np.stack(samples), np.stack(speakers), np.stack(emotions)
