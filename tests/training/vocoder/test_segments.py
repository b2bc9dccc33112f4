"""Segments of the training speech with their mel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auscult.sound.mel import mel_spectrogram  # noqa: E402
from auscult.training.vocoder.segments import MelSegments  # noqa: E402
from tests.training.vocoder.small import MEL, speech  # noqa: E402


def test_a_segment_has_the_mel_that_its_recording_has_there() -> None:
    whole = np.concatenate([mel_spectrogram(samples, MEL) for samples in speech().training], axis=1)
    segments = MelSegments(speech(), MEL, 20, seed=3)
    mels, sounds = segments.draw(5, 6)
    assert (mels.shape, sounds.shape) == ((6, 20, 20), (6, 1, 20 * MEL.hop))
    for mel, sound in zip(mels.numpy(), sounds[:, 0].numpy(), strict=True):
        starts = [
            start
            for start in range(whole.shape[1] - 19)
            if np.array_equal(whole[:, start : start + 20], mel)
        ]
        own = mel_spectrogram(sound, MEL)[:, 3:-3]  # away from the padding
        assert len(starts) == 1
        assert np.abs(own - mel[:, 3:-3]).max() < 1.0


def test_processes_share_what_one_draws_and_edges_are_drawn_too() -> None:
    segments = MelSegments(speech(), MEL, 20, seed=3)
    whole: Any = segments.draw(7, 4)
    halves: Any = [segments.draw(7, 4, rank=rank, processes=2) for rank in range(2)]
    assert torch.equal(whole[0], torch.cat([half[0] for half in halves]))
    first = segments.mel[:, :20]
    mels = torch.cat([segments.draw(step, 8)[0] for step in range(20)])
    assert 1 <= sum(torch.equal(mel, first) for mel in mels) < 40
