"""What an inpainting model sees beside the latent: the mask (1 where the sound is known), and the known latent under it.

Source: stable-audio-tools 0.0.19, inference/generation.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.families.stable_audio.config import Config


def frame_mask(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """A mask over samples [samples] as one over latent frames [frames], by the sample at which each frame begins."""
    return samples[np.arange(frames) * len(samples) // frames]


def masked_input(
    config: Config, known: NDArray[np.float32] | None, keep: Sequence[tuple[float, float]]
) -> NDArray[np.float32]:
    """[1, 1 + latent, frames]: the mask, then the known latent [1, latent, frames] where the mask is 1.

    Args:
        known: None where all is to be made; `keep` must then be empty.
        keep: Spans in seconds of the known sound that stay.

    Raises:
        UsageError: If a span is empty, or something is to stay that is not known.
    """
    samples = np.zeros(config.frames * config.hop, np.float32)
    for start, stop in keep:
        if not 0 <= start < stop:
            raise UsageError(
                "is no span of time that could be kept", found=f"{start:g} to {stop:g} s"
            )
        samples[round(start * config.sample_rate) : round(stop * config.sample_rate)] = 1.0
    if known is None and keep:
        raise UsageError(
            "spans are to be kept, but there is no sound to keep them from",
            hint="give the sound to inpaint",
        )
    mask = frame_mask(samples, config.frames)[None, None]
    body = (
        np.zeros((1, config.latent, config.frames), np.float32) if known is None else known * mask
    )
    return np.concatenate((mask, body), axis=1)
