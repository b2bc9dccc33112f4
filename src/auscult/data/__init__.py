"""What the package brings along: the demo's trained vocoder with its training log, and a Spanish sentence.

All three are made by code: `python -m auscult.training.demo_vocoder` trains the vocoder and writes the log, `python -m
auscult.training.sentence` speaks the sentence (one of the held-out ones) with espeak-ng.
"""

from __future__ import annotations

from pathlib import Path

VOCODER = "vocoder.pth"
TRAINING_LOG = "vocoder.train.jsonl"
SENTENCE = "frase.flac"
SENTENCE_TEXT = "Hoy hablamos despacio, para que la voz se oiga clara."
SENTENCE_VOICE = "es"
SENTENCE_STYLE = "neutral"


def path(name: str) -> Path:
    """Where that file of the package lies."""
    return Path(__file__).parent / name
