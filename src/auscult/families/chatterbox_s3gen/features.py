"""What S3Gen hears of a reference recording: three spectrograms, in numpy for both frameworks.

Sources: chatterbox-tts 0.1.7 (utils/mel.py, s3tokenizer.py) for the two mels; Kaldi's feature-fbank for the third.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.facts.windows import make_symmetric_hann
from auscult.families.chatterbox_s3gen.config import TOKENIZER_FFT, TOKENIZER_HOP, TOKENIZER_RATE
from auscult.sound.mel import build_window, mel_filterbank, pad_samples
from auscult.sound.mel_definition import MelDefinition

Floats = NDArray[np.float32]

FLOW_MEL = MelDefinition(
    sample_rate=24_000, n_fft=1920, hop=480, win=1920, n_mels=80, fmin=0.0, fmax=8000.0
)
"""Of the prompt and of what the flow makes, 50 frames a second; see `flow_mel` for the one thing that it does not say."""
POWER_FLOOR = 1e-9
"""Added to the power before the root."""

FBANK_WINDOW, FBANK_SHIFT, FBANK_FFT = 400, 160, 512
FBANK_LOWEST = 20.0
PREEMPHASIS = 0.97


def flow_mel(samples: Floats, bands: int = FLOW_MEL.n_mels) -> Floats:
    """The natural logarithm of the mel magnitudes of [time] samples at 24 kHz: [bands, frames].

    1e-9 is added to the power before its root; the floor of 1e-5 under the mel is above what that leaves of silence.

    Raises:
        AudioError: If there are fewer than 721 samples.
    """
    definition = MelDefinition(**{**FLOW_MEL.to_config(), "n_mels": bands})
    power = _power(
        pad_samples(samples, definition), definition.n_fft, definition.hop, build_window(definition)
    )
    magnitude = np.sqrt(power + POWER_FLOOR)
    return np.log(np.maximum(mel_filterbank(definition) @ magnitude.T, definition.clip)).astype(
        np.float32
    )


def tokenizer_mel(
    samples: Floats, filters: Floats | None = None, window: Floats | None = None, bands: int = 128
) -> Floats:
    """Whisper's log-mel of [time] samples at 16 kHz, 100 frames a second: [bands, frames].

    `filters` [bands, 201] and `window` [400] are the checkpoint's, where it has them.

    Raises:
        AudioError: If there are fewer than 201 samples.
    """
    definition = tokenizer_definition(bands)
    window = build_window(definition) if window is None else window
    power = _power(pad_samples(samples, definition), TOKENIZER_FFT, TOKENIZER_HOP, window)[:-1]
    mel = (mel_filterbank(definition) if filters is None else filters) @ power.T
    logarithm = np.log10(np.maximum(mel, 1e-10))
    return ((np.maximum(logarithm, logarithm.max() - 8.0) + 4.0) / 4.0).astype(np.float32)


def tokenizer_definition(bands: int = 128) -> MelDefinition:
    """Of the tokenizer's mel, but for the logarithm, which goes 80 dB down from the loudest point of the recording."""
    return MelDefinition(
        sample_rate=TOKENIZER_RATE,
        n_fft=TOKENIZER_FFT,
        hop=TOKENIZER_HOP,
        win=TOKENIZER_FFT,
        n_mels=bands,
        fmax=TOKENIZER_RATE / 2,
        power=2,
        log="none",
        padding="centre",
    )


def speaker_features(samples: Floats, bands: int = 80) -> Floats:
    """Kaldi's log filter bank of [time] samples at 16 kHz, less its mean over time: [frames, bands].

    Without dither: frames of 25 ms every 10 ms that lie wholly inside; less their mean; pre-emphasis; Povey's window.

    Raises:
        AudioError: If there are fewer than 400 samples.
    """
    if samples.ndim != 1 or len(samples) < FBANK_WINDOW:
        raise AudioError(
            "is too short for a speaker vector",
            expected=f"one channel of {FBANK_WINDOW} samples",
            found=samples.shape,
        )
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), FBANK_WINDOW)[
        ::FBANK_SHIFT
    ]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    window = make_symmetric_hann(FBANK_WINDOW) ** 0.85
    spectrum = np.fft.rfft((frames - PREEMPHASIS * before) * window, FBANK_FFT)
    energy = (np.abs(spectrum[:, :-1]) ** 2) @ kaldi_filters(bands).T
    features = np.log(np.maximum(energy, np.finfo(np.float32).eps))
    return (features - features.mean(axis=0)).astype(np.float32)


@cache
def kaldi_filters(bands: int) -> NDArray[np.float64]:
    """Triangles over the mel axis, not over Hertz as most other filter banks have them: [bands, 256]."""

    def mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0))

    edges = np.linspace(mel(FBANK_LOWEST), mel(TOKENIZER_RATE / 2), bands + 2)[:, None]
    bins = mel(np.arange(FBANK_FFT // 2) * TOKENIZER_RATE / FBANK_FFT)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


def _power(padded: Floats, n_fft: int, hop: int, window: Floats) -> NDArray[np.float64]:
    """Power of every frame's spectrum: [frames, n_fft // 2 + 1]."""
    frames = np.lib.stride_tricks.sliding_window_view(padded.astype(np.float64), n_fft)[::hop]
    spectrum = np.fft.rfft(frames * window, axis=1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2)
