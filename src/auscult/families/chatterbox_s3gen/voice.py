"""What S3Gen keeps of a reference recording, and the two constants of its waveform; for both frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = TypeVar("Array")

FADE_SECONDS = 0.02
"""The first so many seconds of the output are silent and as many fade in: the flow spills the reference's end there."""


@dataclass(frozen=True)
class Voice(Generic[Array]):
    """A reference, heard once and used for any number of sentences.

    Attributes:
        tokens: [1, prompt].
        mel: Of twice as many frames as there are tokens: [1, mel_bins, frames] in torch, [1, frames, mel_bins] in MLX.
        xvector: [1, embedding].
    """

    tokens: Array
    mel: Array
    xvector: Array


def paired(tokens: int, frames: int, frames_per_token: int) -> tuple[int, int]:
    """How many tokens and mel frames of a reference are kept, so that every token has its frames.

    The reference implementation cuts the tokens alone; a frame that has no token would push what follows out of step.
    """
    kept = min(tokens, frames // frames_per_token)
    return kept, kept * frames_per_token


def fade(sample_rate: int) -> NDArray[np.float32]:
    """Factors of the first samples: zeros, then half a cosine from 0 to 1."""
    size = round(sample_rate * FADE_SECONDS)
    rise = (np.cos(np.linspace(np.pi, 0, size)) + 1) / 2
    return np.concatenate((np.zeros(size), rise)).astype(np.float32)
