"""T5's encoder in PyTorch: transformers' own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from auscult.errors import CheckpointError, UsageError
from auscult.facts.install import format_install_command
from auscult.families.t5_encoder.signature import MAX_DISTANCE, NORM_EPS, Config

EMBEDDINGS = "encoder.embed_tokens.weight"


def build(config: Config) -> Any:
    """A freshly initialised `transformers.T5EncoderModel`, called with ids and attention_mask [batch, tokens].

    Raises:
        UsageError: If transformers is not installed.
    """
    try:
        from transformers import T5Config, T5EncoderModel
    except ImportError as error:
        raise UsageError(
            "T5 in PyTorch needs transformers", hint=format_install_command("run")
        ) from error
    return T5EncoderModel(
        T5Config(
            vocab_size=config.vocabulary,
            d_model=config.width,
            d_kv=config.inner // config.heads,
            d_ff=config.hidden,
            num_layers=config.layers,
            num_heads=config.heads,
            relative_attention_num_buckets=config.buckets,
            relative_attention_max_distance=MAX_DISTANCE,
            layer_norm_epsilon=NORM_EPS,
            feed_forward_proj="gated-gelu" if config.gated else "relu",
            dropout_rate=0.0,
        )
    ).eval()


def load(module: Any, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """Fill the encoder. Of the two names of the embeddings, either will do; a decoder's tensors are left out.

    As in `auscult.families._torch.load`, an encoder that was built on the meta device takes the state's own tensors.

    Raises:
        CheckpointError: If a tensor is missing or of another shape. The module is then unchanged.
    """
    loaded, bare = {}, False
    for name, target in module.state_dict().items():
        other = (
            "shared.weight"
            if name == EMBEDDINGS
            else EMBEDDINGS
            if name == "shared.weight"
            else name
        )
        bare |= target.is_meta
        value = state.get(prefix + name, state.get(prefix + other))
        if value is None or value.shape != target.shape:
            found = None if value is None else list(value.shape)
            raise CheckpointError(
                "does not fit the T5 encoder",
                where=prefix + name,
                expected=list(target.shape),
                found=found,
            )
        loaded[name] = value.to(target.dtype)
    module.load_state_dict(loaded, assign=bare)


def encode(module: Any, ids: Tensor, mask: Tensor) -> Tensor:
    """Embeddings [batch, tokens, width]; those of padding are not zeroed here."""
    with torch.inference_mode():
        return module(input_ids=ids, attention_mask=mask).last_hidden_state
