"""Segments of the training speech with their mel, drawn from the seed and the step's number alone: a resumed run
draws what it would have.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from auscult.errors import AudioError, UsageError
from auscult.sound.mel import mel_spectrogram, pad_samples
from auscult.sound.mel_definition import Frames, MelDefinition, Samples
from auscult.training.recordings import Speech

MIN_SEGMENTS = 2.0  # of training speech, so that there is something to draw
EDGE_SHARE = 0.15
"""Of the segments, which begin or end where a recording does: there the padding of the convolutions lies beside silence
when the vocoder is used. Measured: the last 0.1 s of sentences were 0.2 nepers further off than their middle. Chosen."""


class MelSegments:
    """Random segments: mel [batch, bands, frames] and the samples [batch, 1, frames * hop] that begin with its first.

    The mel is computed once, of whole recordings, as it is where the vocoder is used. Every process draws the same batch
    and takes its share of it.
    """

    def __init__(self, speech: Speech, mel: MelDefinition, frames: int, seed: int) -> None:
        """
        Args:
            frames: Of a segment.

        Raises:
            UsageError: If there is less speech than two segments.
        """
        pieces = [compute_aligned_mel(samples, mel) for samples in speech.training]
        pieces = [piece for piece in pieces if piece[0].shape[1]]
        count = sum(piece[0].shape[1] for piece in pieces)
        if count < MIN_SEGMENTS * frames:
            raise UsageError(
                "too little to train on",
                where="data",
                expected=f"{MIN_SEGMENTS * frames * mel.hop / mel.sample_rate:.1f} s or more",
                found=f"{speech.seconds:.1f} s",
            )
        self.mel = torch.from_numpy(np.concatenate([piece[0] for piece in pieces], axis=1))
        self.samples = torch.from_numpy(np.concatenate([piece[1] for piece in pieces]))
        self.frames, self.hop, self.seed = frames, mel.hop, seed
        ends = np.cumsum([piece[0].shape[1] for piece in pieces])
        edges = np.concatenate([[0], ends[:-1], ends - frames])
        self._edges = edges.clip(0, count - frames)

    def draw(
        self, step: int, count: int, rank: int = 0, processes: int = 1
    ) -> tuple[Tensor, Tensor]:
        """The share of process `rank` in the `count` segments of a step."""
        rng = np.random.default_rng((self.seed, step))
        starts = rng.integers(0, self.mel.shape[1] - self.frames + 1, count)
        is_edge = rng.random(count) < EDGE_SHARE
        starts = np.where(is_edge, rng.choice(self._edges, count), starts)
        share = count // processes
        mine = starts[rank * share : (rank + 1) * share]
        mels = [self.mel[:, start : start + self.frames] for start in mine]
        length = self.frames * self.hop
        sounds = [self.samples[start * self.hop :][:length] for start in mine]
        return torch.stack(mels), torch.stack(sounds)[:, None]


def compute_aligned_mel(samples: Samples, mel: MelDefinition) -> tuple[Frames, Samples]:
    """The mel [bands, frames], and the samples [frames * hop] to which it belongs: frame i to those from i * hop on.

    What is too short for a frame gives none.
    """
    empty = np.zeros((mel.n_mels, 0), np.float32), np.zeros(0, np.float32)
    try:
        pad_samples(samples, mel)
    except AudioError:
        return empty
    spectrogram = mel_spectrogram(samples, mel)
    frames = min(spectrogram.shape[1], len(samples) // mel.hop)
    return spectrogram[:, :frames], samples[: frames * mel.hop]
