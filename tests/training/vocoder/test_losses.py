"""The loss of the bands that a vocoder is fed."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auscult.sound.mel import mel_spectrogram  # noqa: E402
from auscult.training.vocoder.losses import BandLoss, VocoderLosses  # noqa: E402
from tests.training.codec.small import tones  # noqa: E402
from tests.training.vocoder.small import MEL  # noqa: E402


def test_its_frames_are_the_frames_of_the_mel() -> None:
    samples = tones(0.5, 3)
    bands = BandLoss(MEL).compute_bands(torch.from_numpy(samples)[None])[0].numpy()
    own = mel_spectrogram(samples, MEL)
    skipped = -(-(MEL.n_fft - MEL.hop) // 2 // MEL.hop)  # frames that need padding
    assert np.abs(bands - own[:, skipped : skipped + bands.shape[1]]).max() < 1e-2


def test_a_term_without_a_weight_or_a_whole_window_is_left_out() -> None:
    sound = torch.from_numpy(tones(0.5, 3))[None, None]
    both = VocoderLosses(MEL, 4000, bands=True, stft=True)(sound, sound)
    assert {name: float(value) for name, value in both.items()} == {"mel": 0.0, "stft": 0.0}
    assert VocoderLosses(MEL, 200, bands=True, stft=True)(sound, sound) == {}
    assert VocoderLosses(MEL, 4000, bands=False, stft=True)(sound, sound).keys() == {"stft"}
