"""A waveform from a mel spectrogram without a model: the baseline that a trained vocoder has to be
set beside.

Source: Griffin & Lim (1984), with the momentum of Perraudin, Balazs & Søndergaard (2013), "A fast
Griffin-Lim algorithm".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import build_window, count_padding, expand_mel, mel_filterbank, stft
from auscult.sound.mel_definition import Frames, MelDefinition, Samples


def istft(spectrum: NDArray[np.complex64], definition: MelDefinition, length: int) -> Samples:
    """The [length] samples whose `stft` comes nearest to `spectrum` [n_fft // 2 + 1, frames], by
    weighted overlap-add.
    """
    window = build_window(definition)
    frames = np.fft.irfft(spectrum.T, n=definition.n_fft, axis=1) * window
    side = count_padding(definition)
    total = np.zeros(max(length + 2 * side, (len(frames) - 1) * definition.hop + definition.n_fft))
    weight = np.zeros_like(total)
    for index, frame in enumerate(frames):
        start = index * definition.hop
        total[start : start + definition.n_fft] += frame
        weight[start : start + definition.n_fft] += window**2
    total /= np.maximum(weight, 1e-3)  # the padded ends, where the windows nearly vanish
    return total[side : side + length].astype(np.float32)


def magnitude_from_mel(mel: Frames, definition: MelDefinition, steps: int = 50) -> Frames:
    """Non-negative magnitudes [n_fft // 2 + 1, frames] whose bands come nearest to the mel, by
    multiplicative updates.
    """
    filters = mel_filterbank(definition)
    bands = np.maximum(expand_mel(mel, definition), 0.0)
    guess = np.maximum(np.linalg.pinv(filters) @ bands, 1e-6)
    for _ in range(steps):
        guess *= (filters.T @ bands) / np.maximum(filters.T @ (filters @ guess), 1e-10)
    return np.asarray(guess if definition.power == 1 else np.sqrt(guess), np.float32)


def griffin_lim(
    mel: Frames,
    definition: MelDefinition,
    *,
    iterations: int = 60,
    momentum: float = 0.99,
    seed: int = 0,
) -> Samples:
    """Samples [frames * hop] from a mel spectrogram [n_mels, frames], phases found by iteration
    from a random start.
    """
    target_magnitudes = magnitude_from_mel(mel, definition)
    phases = np.random.default_rng(seed).uniform(-np.pi, np.pi, target_magnitudes.shape)
    spectrum = (target_magnitudes * np.exp(1j * phases)).astype(np.complex64)
    length = mel.shape[1] * definition.hop
    previous = np.zeros_like(spectrum)
    for _ in range(iterations):
        consistent = stft(istft(spectrum, definition, length), definition)[
            :, : target_magnitudes.shape[1]
        ]
        accelerated = consistent + momentum * (consistent - previous)
        previous = consistent
        spectrum = (
            target_magnitudes * accelerated / np.maximum(np.abs(accelerated), 1e-10)
        ).astype(np.complex64)
    return istft(spectrum, definition, length)
