"""DAC through transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.families.codecs import BookCodec, Codec, TransformersNames, build_transformers_model
from auscult.weights import Array

NAMES = TransformersNames("DacConfig", "DacModel")


def accepts(config: Mapping[str, Any]) -> bool:
    """See `auscult.families.codecs.CodecFamily`."""
    return config.get("model_type") == "dac"


def open_codec(config: Mapping[str, Any], weights: Mapping[str, Array], device: str) -> Codec:
    """See `auscult.families.codecs.CodecFamily`."""
    model = build_transformers_model(NAMES, config, weights, device)
    return BookCodec(
        model,
        device,
        frame_rate=model.config.sampling_rate / model.config.hop_length,
        max_books=model.config.n_codebooks,
        books_argument="n_quantizers",
    )
