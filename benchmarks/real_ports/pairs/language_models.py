"""Decoders of speech models, which are language models: transformers against mlx-lm."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.real_ports.pair import Fault, Pair, Sides
from benchmarks.real_ports.weights import draw_ids, load_mlx, number_inputs, randomise, read_state

SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


def share_weights(kind: str, model_type: str, **config: Any) -> Callable[[Path], Sides]:
    """transformers' model with a language model's head, and mlx-lm's model of that type with its weights."""

    def make(_folder: Path) -> Sides:
        import mlx.core as mx
        import transformers

        settings = {**SIZES, **config}
        head = "LMHeadModel" if kind == "GPT2" else "ForCausalLM"
        own = getattr(transformers, f"{kind}Config")(**settings, use_cache=False)
        model = randomise(getattr(transformers, f"{kind}{head}")(own))
        theirs = importlib.import_module(f"mlx_lm.models.{model_type}")
        arguments = {**own.to_dict(), **settings, "model_type": model_type}
        if isinstance(arguments.get("rope_parameters"), dict):
            arguments.setdefault("rope_theta", arguments["rope_parameters"].get("rope_theta"))
        port = theirs.Model(theirs.ModelArgs.from_dict(arguments))
        state = {
            name.removeprefix("transformer."): mx.array(array)
            for name, array in read_state(model).items()
        }
        if hasattr(port, "sanitize"):
            state = port.sanitize(state)
        if kind == "GPTNeoX":
            head_name = next(name for name in state if name.endswith("lm_head.weight"))
            state["model.embed_out.weight"] = state.pop(head_name)
        load_mlx(
            port,
            {name: as_numpy(array) for name, array in state.items()},
            ignore=("inv_freq", "lm_head.weight"),
        )
        return Sides(model, port, number_inputs(draw_ids(40, 1, 9)))

    return make


def as_numpy(array: Any) -> Any:
    import numpy as np

    return np.array(array)


def build_pair(
    kind: str, model_type: str, *, faults: tuple[Fault, ...] = (), why: str = "", **config: Any
) -> Pair:
    """transformers' model of that kind against mlx-lm's of that type."""
    make = share_weights(kind, model_type, **config)
    return Pair(f"{kind}: transformers against mlx-lm", make, faults, why, needs=("mlx-lm",))


EXACT_GELU = "the first tensor apart is what reaches the projection: the port has the exact GELU, transformers the tanh form"
TANH_GELU = "the first tensor apart is what reaches the projection: the port has GELU's tanh form, transformers the exact one"


def find_gelu(layers: str, projection: str, activation: str) -> tuple[Fault, ...]:
    """Another GELU in the feed-forward part of every layer."""
    place = rf"{layers}\.\d\.mlp(\.{projection}|\.{activation})?"
    return (Fault((place,), ("gelu-variant",)),)


SMALL_HEADS: dict[str, Any] = {"head_dim": 8}
GPT2_SIZES: dict[str, Any] = {
    "n_ctx": 64,
    "n_embd": 32,
    "n_head": 4,
    "n_layer": 2,
    "n_positions": 64,
}
NEOX_SIZES: dict[str, Any] = {"intermediate_size": 128, "rotary_pct": 0.5, "rotary_emb_base": 10000}
PAIRS = [
    build_pair("Llama", "llama"),
    build_pair("Qwen2", "qwen2", tie_word_embeddings=True),
    build_pair("Qwen3", "qwen3", **SMALL_HEADS),
    build_pair(
        "Gemma",
        "gemma",
        faults=find_gelu(r"model\.layers", "down_proj", "act_fn"),
        why=EXACT_GELU,
        **SMALL_HEADS,
    ),
    build_pair("Gemma2", "gemma2", query_pre_attn_scalar=8, **SMALL_HEADS),
    build_pair("StableLm", "stablelm", use_qkv_bias=True, partial_rotary_factor=0.5),
    build_pair("Olmo2", "olmo2"),
    build_pair("Phi3", "phi3", pad_token_id=0),
    build_pair("Cohere", "cohere"),
    build_pair(
        "Starcoder2",
        "starcoder2",
        faults=find_gelu(r"model\.layers", "c_proj", "act"),
        why=EXACT_GELU,
    ),
    build_pair(
        "GPTNeoX",
        "gpt_neox",
        faults=find_gelu(r"gpt_neox\.layers", "dense_4h_to_h", "act"),
        why=TANH_GELU,
        **NEOX_SIZES,
    ),
    build_pair("GPT2", "gpt2", layer_norm_epsilon=1e-5, **GPT2_SIZES),
    build_pair("Granite", "granite", residual_multiplier=0.7, attention_multiplier=0.3),
    build_pair("Helium", "helium", **SMALL_HEADS),
    build_pair("SmolLM3", "smollm3", pad_token_id=0),
]
