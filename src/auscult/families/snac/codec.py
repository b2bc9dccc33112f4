"""SNAC through its own package, `snac`."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import Any

import numpy as np

from auscult.families.codecs import (
    CodeArrays,
    Codec,
    Samples,
    load_weights,
    require_codec_package,
    to_batch,
)
from auscult.weights import Array


def accepts(config: Mapping[str, Any]) -> bool:
    """See `auscult.families.codecs.CodecFamily`."""
    return "vq_strides" in config and "decoder_rates" in config


def open_codec(config: Mapping[str, Any], weights: Mapping[str, Array], device: str) -> Codec:
    """See `auscult.families.codecs.CodecFamily`."""
    require_codec_package("snac", "pip install snac")
    from snac import SNAC

    model = load_weights(SNAC(**config).eval(), weights)
    return SnacCodec(model.to(device), device)


class SnacCodec:
    """See `auscult.families.codecs.Codec`; `codes.0`, `codes.1` ... are the books, each [frames] at its own rate.

    Its decoder adds noise of its own in some models, so that two decodings differ by it; it is seeded here.
    """

    channels = 1

    def __init__(self, model: Any, device: str) -> None:
        self._model, self._device = model, device
        self.sample_rate = int(model.sampling_rate)
        self.bits = log2(model.codebook_size)

    def encode(self, samples: Samples, kbits: float | None) -> CodeArrays:  # noqa: ARG002
        """See `auscult.families.codecs.Codec`; SNAC has one rate."""
        import torch

        with torch.inference_mode():
            books = self._model.encode(to_batch(samples, self._device))
        return {f"codes.{book}": codes[0].cpu().numpy() for book, codes in enumerate(books)}

    def decode(self, codes: CodeArrays) -> Samples:
        """See `auscult.families.codecs.Codec`."""
        import torch

        books = [
            torch.from_numpy(np.array(codes[f"codes.{book}"], np.int64))[None].to(self._device)
            for book in range(self._model.n_codebooks)
        ]
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(0)
            output = self._model.decode(books)
        return np.asarray(output.reshape(1, -1).cpu().numpy(), np.float32)
