"""Training speech: espeak-ng says the sentences in several voices and styles; batches are cut from
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from auscult.sound.mel import count_padding
from auscult.sound.mel_definition import MelDefinition
from auscult.training.conditioning import EMOTION_DIM, SPEAKER_DIM, vector_from_name
from auscult.training.espeak import load_espeak
from auscult.training.sentences import HELD_OUT, PARTS, draw_training_sentences

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


def speak_text(text: str, voice: str, style: str, sample_rate: int) -> Utterance:
    """One sentence at `sample_rate` Hz."""
    words_per_minute, pitch = STYLES[style]
    samples = load_espeak().say(text, voice, words_per_minute=words_per_minute, pitch=pitch)
    return Utterance(
        text, voice, style, soxr.resample(samples, load_espeak().sample_rate, sample_rate)
    )


def make_training_speech(
    sentences: int, renderings: int, sample_rate: int, seed: int
) -> list[Utterance]:
    """`sentences` per language, each said `renderings` times by voices and in styles drawn at
    random.
    """
    rng = np.random.default_rng(seed)
    speech = []
    for language in PARTS:
        for text in draw_training_sentences(language, sentences, seed):
            for _ in range(renderings):
                voice = language + str(rng.choice(VARIANTS))
                style = str(rng.choice(list(STYLES)))
                speech.append(speak_text(text, voice, style, sample_rate))
    return speech


def make_held_out_speech(sample_rate: int, variants: Sequence[str] = VARIANTS) -> list[Utterance]:
    """Every held-out sentence once; voice and style go round."""
    texts: list[tuple[str, str]] = []
    for language, sentences in HELD_OUT.items():
        texts += [(language, text) for text in sentences]
    styles = list(STYLES)
    return [
        speak_text(
            text,
            language + variants[index % len(variants)],
            styles[index % len(styles)],
            sample_rate,
        )
        for index, (language, text) in enumerate(texts)
    ]


class Batches:
    """Random segments of the speech, with the samples around them that their outer mel frames
    see.
    """

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
        self._margin, self._length = count_padding(mel), frames * mel.hop
        self._unknown_share, self._rng = unknown, np.random.default_rng(seed)
        self._speech = [(utterance, self._pad_edges(utterance.samples)) for utterance in speech]
        lengths = np.array([len(samples) for _, samples in self._speech], float)
        self._probabilities = lengths / lengths.sum()

    def _pad_edges(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Silence at both ends, so that the edges are segments too and a short sentence fills
        one.
        """
        side = self._margin + self._length // 4
        missing = max(0, self._length + 2 * self._margin - len(samples) - 2 * side)
        return np.pad(samples, (side, side + missing))

    def draw(
        self, count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Samples [count, margin + frames * hop + margin], speaker vectors [count, 192], emotion
        vectors [count, 256].
        """
        size = self._length + 2 * self._margin
        samples, speakers, emotions = [], [], []
        for index in self._rng.choice(len(self._speech), count, p=self._probabilities):
            utterance, padded = self._speech[index]
            start = self._rng.integers(0, len(padded) - size + 1)
            samples.append(padded[start : start + size])
            is_known = self._rng.random() >= self._unknown_share
            speakers.append(vector_from_name(utterance.voice if is_known else "", SPEAKER_DIM))
            emotions.append(vector_from_name(utterance.style if is_known else "", EMOTION_DIM))
        return np.stack(samples), np.stack(speakers), np.stack(emotions)
