"""What the voice encoder hears: windows of a mel, in numpy for both frameworks.

Source: chatterbox-tts 0.1.7 (voice_encoder.py, melspec.py), and librosa's `effects.trim` for the silence at the ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.families.chatterbox_voice_encoder.config import Config
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition

Floats = NDArray[np.float32]

SAMPLE_RATE = 16_000
SILENCE_DB = 20.0
"""How far below the loudest frame what is cut off at both ends lies."""
TRIM_FRAME, TRIM_HOP = 2048, 512
LEAST_LEVEL = 1e-5
NORM_FLOOR = 1e-12


def definition(bands: int = 40) -> MelDefinition:
    """Powers, without a logarithm, 100 frames a second."""
    return MelDefinition(
        sample_rate=SAMPLE_RATE,
        n_fft=400,
        hop=160,
        win=400,
        n_mels=bands,
        fmax=8000.0,
        power=2,
        log="none",
        padding="centre",
    )


def trimmed(samples: Floats) -> Floats:
    """[time] samples without what is quiet at both ends."""
    padded = np.pad(samples.astype(np.float64), TRIM_FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, TRIM_FRAME)[::TRIM_HOP]
    level = np.maximum(np.sqrt(np.mean(frames**2, axis=1)), LEAST_LEVEL)
    loud = np.flatnonzero(20 * np.log10(level / level.max()) > -SILENCE_DB)
    return samples[loud[0] * TRIM_HOP : (loud[-1] + 1) * TRIM_HOP]


def windows(samples: Floats, config: Config) -> Floats:
    """The partial utterances of [time] samples at 16 kHz: [windows, frames, mel_bins], the last one padded with zeros.

    Raises:
        AudioError: If there are fewer than 201 samples.
    """
    mel = mel_spectrogram(trimmed(samples), definition(config.mel_bins)).T
    count, length = counted(len(mel), config)
    mel = np.pad(mel, ((0, max(0, length - len(mel))), (0, 0)))
    return np.stack(
        [mel[start : start + config.window] for start in range(0, count * config.step, config.step)]
    )


def counted(frames: int, config: Config) -> tuple[int, int]:
    """How many windows there are, and how many frames they reach over."""
    count, rest = divmod(max(frames - config.window + config.step, 0), config.step)
    if count == 0 or (rest + config.window - config.step) / config.window >= config.coverage:
        count += 1
    return count, config.window + config.step * (count - 1)


def averaged(embeddings: Floats) -> Floats:
    """One vector of length 1 from those of the windows [windows, embedding]; zeros if they are."""
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), NORM_FLOOR), np.float32)
