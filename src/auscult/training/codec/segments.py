"""Segments of the training speech, drawn from the seed and the step's number alone: a resumed run
draws what it would have.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from auscult.errors import UsageError
from auscult.training.recordings import Speech

MIN_SEGMENTS = 2.0  # of training speech, so that there is something to draw


class Segments:
    """Random segments [batch, 1, time]; every process draws the same batch and takes its share of
    it.
    """

    def __init__(self, speech: Speech, length: int, seed: int) -> None:
        """
        Args:
            length: Samples in a segment.

        Raises:
            UsageError: If there is less speech than two segments.
        """
        self.samples = torch.from_numpy(np.concatenate(speech.training))
        self.length, self.seed = length, seed
        if len(self.samples) < MIN_SEGMENTS * length:
            raise UsageError(
                "too little to train on",
                where="data",
                expected=f"{MIN_SEGMENTS * length / speech.sample_rate:.1f} s or more",
                found=f"{speech.seconds:.1f} s",
            )

    def draw(self, step: int, count: int, rank: int = 0, processes: int = 1) -> Tensor:
        """The share of process `rank` in the `count` segments of a step."""
        rng = np.random.default_rng((self.seed, step))
        starts = rng.integers(0, len(self.samples) - self.length + 1, count)
        share = count // processes
        mine = starts[rank * share : (rank + 1) * share]
        return torch.stack([self.samples[start : start + self.length] for start in mine])[:, None]

    def depths(  # noqa: PLR0917
        self, step: int, count: int, books: int, dropout: float, rank: int = 0, processes: int = 1
    ) -> Tensor | None:
        """How many books each segment uses; None where all use all."""
        if dropout <= 0:
            return None
        rng = np.random.default_rng((self.seed, step, 1))
        depths = np.where(rng.random(count) < dropout, rng.integers(1, books + 1, count), books)
        share = count // processes
        return torch.from_numpy(depths[rank * share : (rank + 1) * share])
