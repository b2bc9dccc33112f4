"""From logits to the next speech token, in numpy for every framework. Source: chatterbox-tts 0.1.7 (t3.py, `inference`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """Defaults are the reference's for English.

    Attributes:
        guidance: logits = c + guidance·(c - u), with u those without the text; 0 leaves the second row out.
        temperature: The logits are divided by it; 0 takes the likeliest token.
        repetition_penalty: Logits of tokens that have been said are divided by it where positive, else multiplied.
        min_p: Tokens less likely than this share of the likeliest are left out.
        top_p: The likeliest tokens that together reach this are kept; 1 keeps all.
        max_tokens: Where a sentence that does not stop is cut.
    """

    guidance: float = 0.5
    temperature: float = 0.8
    repetition_penalty: float = 1.2
    min_p: float = 0.05
    top_p: float = 1.0
    max_tokens: int = 1000


def guided(rows: Logits, guidance: float) -> Logits:
    """Logits [rows, vocabulary] of the row with text, then of the one without, to [vocabulary]."""
    if len(rows) == 1:
        return np.asarray(rows[0], np.float32)
    return np.asarray(rows[0] + np.float32(guidance) * (rows[0] - rows[1]), np.float32)


def probabilities(logits: Logits, said: Sequence[int], sampling: Sampling) -> NDArray[np.float64]:
    """Of each token [vocabulary], in the reference's order: penalty, temperature, min-p, top-p."""
    scores = logits.astype(np.float64)
    heard = np.unique(np.asarray(said, np.int64))
    penalty = sampling.repetition_penalty
    scores[heard] = np.where(scores[heard] < 0, scores[heard] * penalty, scores[heard] / penalty)
    if sampling.temperature == 0:
        chances = np.zeros_like(scores)
        chances[int(np.argmax(scores))] = 1.0
        return chances
    chances = _softmax(scores / sampling.temperature)
    chances = np.where(chances < sampling.min_p * chances.max(), 0.0, chances)
    chances /= chances.sum()
    if sampling.top_p < 1:
        rising = np.argsort(chances, kind="stable")
        unlikely = np.cumsum(chances[rising]) <= 1 - sampling.top_p
        unlikely[-1] = False  # the likeliest stays whatever top_p is
        chances[rising[unlikely]] = 0.0
        chances /= chances.sum()
    return chances


def draw(chances: NDArray[np.float64], uniform: float) -> int:
    """The token at which the sum of the probabilities passes a draw from [0, 1)."""
    total = np.cumsum(chances)
    return min(
        int(np.searchsorted(total, uniform * total[-1], side="right")),
        int(np.flatnonzero(chances)[-1]),
    )


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(scores - scores.max())
    return np.asarray(exponentials / exponentials.sum())
