"""DAC through transformers."""

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
    count_books,
    to_batch,
)
from auscult.weights import Array

NAMES = TransformersNames("DacConfig", "DacModel")


def accepts(config: Mapping[str, Any]) -> bool:
    """See `auscult.families.codecs.CodecFamily`."""
    return config.get("model_type") == "dac"


def open_codec(config: Mapping[str, Any], weights: Mapping[str, Array], device: str) -> Codec:
    """See `auscult.families.codecs.CodecFamily`."""
    return DacCodec(build_transformers_model(NAMES, config, weights, device), device)


class DacCodec:
    """See `auscult.families.codecs.Codec`; the codes are [books, frames]."""

    channels = 1

    def __init__(self, model: Any, device: str) -> None:
        self._model, self._device = model, device
        self.sample_rate = int(model.config.sampling_rate)
        self.bits = log2(model.config.codebook_size)

    def encode(self, samples: Samples, kbits: float | None) -> CodeArrays:
        """See `auscult.families.codecs.Codec`; with as many books as fit."""
        import torch

        books = count_books(
            kbits,
            self.bits * self.sample_rate / self._model.config.hop_length,
            self._model.config.n_codebooks,
        )
        with torch.inference_mode():
            output = self._model.encode(to_batch(samples, self._device), n_quantizers=books)
        return {"codes": output.audio_codes[0].cpu().numpy()}

    def decode(self, codes: CodeArrays) -> Samples:
        """See `auscult.families.codecs.Codec`."""
        import torch

        batch = torch.from_numpy(np.array(codes["codes"], np.int64))[None].to(self._device)
        with torch.inference_mode():
            output = self._model.decode(audio_codes=batch)
        return np.asarray(output.audio_values.reshape(1, -1).cpu().numpy(), np.float32)
