"""Samples in memory as a recording, whichever library they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.facts.arrays import is_array, to_numpy
from auscult.sound.recording import Recording

HINT = "give (samples, sample_rate), with samples of [time], [channels, time] or [time, channels]"


def is_samples(value: Any) -> bool:
    """Whether the value is an array, or an array with its rate as soundfile, torchaudio and scipy give it."""
    if isinstance(value, tuple) and len(value) == 2:
        return any(is_array(item) and getattr(item, "ndim", 0) > 0 for item in value)
    return is_array(value)


def to_recording(value: Any, name: str = "recording") -> Recording:
    """A recording of samples and their rate, in this order or in scipy's.

    Args:
        value: (samples, sample rate in Hz). The samples are an array or a tensor of [time], [channels, time], [time, channels],
            or one of these in a batch of one; the shorter axis is that of the channels. Whole numbers are scaled by the full
            scale of their type.

    Raises:
        UsageError: If there is no rate, or the samples are of another shape.
    """
    if not isinstance(value, tuple):
        raise UsageError("has no sample rate", where=name, hint=HINT)
    samples, rate = value
    if is_array(rate) and getattr(rate, "ndim", 0) > 0:
        samples, rate = rate, samples
    try:
        sample_rate = int(rate)
    except (TypeError, ValueError):
        sample_rate = 0
    if sample_rate < 1:
        raise UsageError(
            "has no sample rate", where=name, expected="Hz, above 0", found=rate, hint=HINT
        )
    return Recording(_to_channels_first(to_numpy(samples), name), sample_rate, name)


def _to_channels_first(samples: NDArray[Any], name: str) -> NDArray[np.float32]:
    """float32 [channels, time]."""
    shape = samples.shape
    while samples.ndim > 2 and samples.shape[0] == 1:
        samples = samples[0]
    if samples.ndim == 1:
        samples = samples[None]
    is_sound = samples.ndim == 2 and samples.size and np.issubdtype(samples.dtype, np.number)
    if not is_sound or np.iscomplexobj(samples):
        raise UsageError(
            "holds no samples of a recording",
            where=name,
            found=f"{samples.dtype} {list(shape)}",
            hint=HINT,
        )
    if samples.shape[0] > samples.shape[1]:
        samples = samples.T
    return np.ascontiguousarray(_scale_to_unit(samples), dtype=np.float32)


def _scale_to_unit(samples: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers as parts of their full scale; 8 bits without a sign have their zero at 128, as in a WAV file."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.signedinteger):
        return samples.astype(np.float64) / -float(np.iinfo(samples.dtype).min)
    return samples
