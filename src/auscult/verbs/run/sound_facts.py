"""What every `run` says of the sound that it wrote."""

from __future__ import annotations

from typing import Any

import numpy as np

from auscult.sound.recording import Recording

MIN_LEVEL = 1e-12
"""Level that stands for silence in decibels. Chosen, not measured."""


def describe_sound(recording: Recording) -> dict[str, Any]:
    """Length, rate, channels, peak and level (dB of full scale) of a sound."""
    samples, level = recording.samples, 0.0
    if samples.size:
        level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return {
        "seconds": recording.seconds,
        "sample_rate": recording.sample_rate,
        "channels": len(samples),
        "peak": float(np.abs(samples).max(initial=0.0)),
        "rms_db": float(20 * np.log10(max(level, MIN_LEVEL))),
    }
