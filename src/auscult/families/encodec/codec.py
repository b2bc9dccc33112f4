"""EnCodec through transformers."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import Any

import numpy as np

from auscult.families.codecs import (
    CodeArrays,
    Codec,
    Samples,
    TransformersNames,
    build_transformers_model,
    to_batch,
)
from auscult.weights import Array

NAMES = TransformersNames("EncodecConfig", "EncodecModel")


def accepts(config: Mapping[str, Any]) -> bool:
    """See `auscult.families.codecs.CodecFamily`."""
    return config.get("model_type") == "encodec"


def open_codec(config: Mapping[str, Any], weights: Mapping[str, Array], device: str) -> Codec:
    """See `auscult.families.codecs.CodecFamily`."""
    return EncodecCodec(build_transformers_model(NAMES, config, weights, device), device)


class EncodecCodec:
    """See `auscult.families.codecs.Codec`; the codes are [chunks, books, frames], with a scale for each chunk at 48 kHz."""

    def __init__(self, model: Any, device: str) -> None:
        self._model, self._device = model, device
        self.sample_rate = int(model.config.sampling_rate)
        self.channels = int(model.config.audio_channels)
        self.bits = log2(model.config.codebook_size)

    def encode(self, samples: Samples, kbits: float | None) -> CodeArrays:
        """See `auscult.families.codecs.Codec`; the nearest of the model's own bandwidths that is not above `kbits`."""
        import torch

        bandwidths = self._model.config.target_bandwidths
        allowed = [each for each in bandwidths if kbits is None or each <= kbits]
        bandwidth = max(allowed) if allowed else min(bandwidths)
        with torch.inference_mode():
            output = self._model.encode(to_batch(samples, self._device), bandwidth=bandwidth)
        arrays: CodeArrays = {"codes": output.audio_codes[:, 0].cpu().numpy()}
        if output.audio_scales[0] is not None:
            scales = [scale.reshape(-1).cpu().numpy() for scale in output.audio_scales]
            arrays["scales"] = np.concatenate(scales)
        arrays["last_frame_pad_length"] = np.array(int(output.last_frame_pad_length or 0))
        return arrays

    def decode(self, codes: CodeArrays) -> Samples:
        """See `auscult.families.codecs.Codec`."""
        import torch

        chunks = codes["codes"]
        if chunks.ndim == 2:
            chunks = chunks[None]
        batch = torch.from_numpy(np.array(chunks, np.int64))[:, None].to(self._device)
        scales: list[Any] = [None] * len(batch)
        if "scales" in codes:
            scales = list(torch.from_numpy(np.array(codes["scales"])).to(self._device)[:, None])
        padding = int(codes.get("last_frame_pad_length", np.array(0)))
        with torch.inference_mode():
            output = self._model.decode(batch, scales, last_frame_pad_length=padding)
        return np.asarray(output.audio_values[0].cpu().numpy(), np.float32)
