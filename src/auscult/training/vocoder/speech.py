"""The speech of a vocoder's training: a folder of recordings, or sentences that espeak-ng says here."""

from __future__ import annotations

from pathlib import Path

from auscult.training.data import Utterance, make_held_out_speech, make_training_speech
from auscult.training.recordings import NamedSamples, Speech, read_folder
from auscult.training.sentences import PARTS

ESPEAK = "espeak"
"""The name that stands for made speech instead of a folder."""
RENDERINGS = 3
"""Of each sentence, by voices and in styles drawn at random."""
SECONDS_PER_SENTENCE = 2.8
"""About what a sentence lasts. Measured on the packaged vocoder's: 1,890 in 5,261 s."""

VALIDATION_SENTENCES = 3
"""For each language."""


def read_vocoder_speech(
    source: str,
    sample_rate: int,
    *,
    minutes: float,
    seed: int,
    left_out: frozenset[str] = frozenset(),
) -> Speech:
    """The material named `source`: `espeak`, or a folder whose audio files are read.

    Args:
        minutes: How much speech to make, about.
        left_out: Files of the folder that are not used.

    Raises:
        UsageError: If the folder has too little in it, or there is no espeak-ng.
    """
    if source != ESPEAK:
        training, validation, held_out = read_folder(Path(source), sample_rate, left_out)
        return Speech(tuple(training), tuple(validation), tuple(held_out), sample_rate)
    sentences = max(1, round(minutes * 60 / SECONDS_PER_SENTENCE / RENDERINGS / len(PARTS)))
    spoken = make_training_speech(sentences, RENDERINGS, sample_rate, seed)
    checked = make_training_speech(VALIDATION_SENTENCES, 1, sample_rate, seed + 1)
    judged = make_held_out_speech(sample_rate)
    return Speech(
        tuple(utterance.samples for utterance in spoken),
        tuple(_name_samples(number, utterance) for number, utterance in enumerate(checked, 1)),
        tuple(_name_samples(number, utterance) for number, utterance in enumerate(judged, 1)),
        sample_rate,
    )


def _name_samples(number: int, utterance: Utterance) -> NamedSamples:
    return f"sentence {number}, {utterance.voice}, {utterance.style}", utterance.samples
