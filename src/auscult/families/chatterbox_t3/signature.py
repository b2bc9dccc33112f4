"""Names and shapes of Chatterbox's T3. Source: chatterbox-tts 0.1.7 (T3Config), transformers LlamaModel and GPT2Model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.chatterbox_t3.config import PUBLISHED, Config
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact("no backbone `tfmr`", any_of=("tfmr.",)),
    SignatureFact("no `cond_enc`", any_of=("cond_enc.",)),
)


def _root(naming: str) -> str:
    return "tfmr.model" if naming == "mlx-audio" else "tfmr"


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    naming: Literal["torch", "mlx-audio"] = "mlx-audio" if shapes.has("tfmr.model.") else "torch"
    root = _root(naming)
    gpt2 = shapes.has(f"{root}.h.")
    stem = f"{root}.h." if gpt2 else f"{root}.layers."
    layers = shapes.count(stem)
    width = shapes.find(
        ("text_emb.weight", 1),
        ("speech_emb.weight", 1),
        (f"{stem}0.input_layernorm.weight", 0),
        (f"{stem}0.ln_1.weight", 0),
    )
    if not layers or not width:
        return None
    feed = (
        (f"{stem}{layer}.{part}", 0)
        for layer in range(layers)
        for part in ("mlp.c_fc.bias", "mlp.gate_proj.weight", "mlp.up_proj.weight")
    )
    tokens = (f"{root}.wte.weight", 0) if gpt2 else (f"{root}.embed_tokens.weight", 0)
    positions = (f"{root}.wpe.weight", 0) if gpt2 else ("text_pos_emb.emb.weight", 0)
    return Config(
        backbone="gpt2" if gpt2 else "llama",
        naming=naming,
        width=width,
        layers=layers,
        hidden=shapes.size(*feed, default=4 * width),
        tokens=shapes.find(tokens) or 0,
        text_tokens=shapes.size(("text_emb.weight", 0), ("text_head.weight", 0), default=704),
        speech_tokens=shapes.size(
            ("speech_emb.weight", 0), ("speech_head.weight", 0), default=8194
        ),
        positions=shapes.find(positions) or 0,
        speech_positions=shapes.find(("speech_pos_emb.emb.weight", 0)) or 0,
        speaker_dim=shapes.size(("cond_enc.spkr_enc.weight", 1), default=256),
        queries=_queries(shapes),
        emotion="cond_enc.emotion_adv_fc.weight" in shapes,
        speech_head_bias="speech_head.bias" in shapes,
    )


def _queries(shapes: Shapes) -> int:
    if not shapes.has("cond_enc.perceiver."):
        return 0
    return shapes.size(("cond_enc.perceiver.pre_attention_query", 1), default=32)


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    width, root = config.width, _root(config.naming)
    if config.backbone == "gpt2":
        _plan_gpt2(planner, root, config)
    else:
        _plan_llama(planner, root, config)
    planner.linear("cond_enc.spkr_enc", config.speaker_dim, width)
    if config.emotion:
        planner.linear("cond_enc.emotion_adv_fc", 1, width, bias=False)
    if config.queries:
        planner.tensor("cond_enc.perceiver.pre_attention_query", (1, config.queries, width))
        planner.norm("cond_enc.perceiver.attn.norm", width)
        for part in ("to_q", "to_k", "to_v", "proj_out"):
            planner.linear(f"cond_enc.perceiver.attn.{part}", width, width)
    planner.embedding("text_emb", config.text_tokens, width)
    planner.embedding("speech_emb", config.speech_tokens, width)
    if config.backbone == "llama" and config.positions:
        planner.embedding("text_pos_emb.emb", config.positions, width)
    if config.speech_positions:
        planner.embedding("speech_pos_emb.emb", config.speech_positions, width)
    planner.linear("text_head", width, config.text_tokens, bias=False)
    planner.linear("speech_head", width, config.speech_tokens, bias=config.speech_head_bias)
    return planner.plan


def _plan_llama(planner: Planner, root: str, config: Config) -> None:
    width = config.width
    if config.tokens:
        planner.embedding(f"{root}.embed_tokens", config.tokens, width, optional=True)
    for layer in range(config.layers):
        name = f"{root}.layers.{layer}"
        for part in "qkvo":
            planner.linear(f"{name}.self_attn.{part}_proj", width, width, bias=False)
        planner.linear(f"{name}.mlp.gate_proj", width, config.hidden, bias=False)
        planner.linear(f"{name}.mlp.up_proj", width, config.hidden, bias=False)
        planner.linear(f"{name}.mlp.down_proj", config.hidden, width, bias=False)
        planner.norm(f"{name}.input_layernorm", width, bias=False)
        planner.norm(f"{name}.post_attention_layernorm", width, bias=False)
    planner.norm(f"{root}.norm", width, bias=False)


def _plan_gpt2(planner: Planner, root: str, config: Config) -> None:
    width = config.width
    if config.tokens:
        planner.embedding(f"{root}.wte", config.tokens, width, optional=True)
    planner.embedding(f"{root}.wpe", config.positions, width)
    for layer in range(config.layers):
        name = f"{root}.h.{layer}"
        planner.norm(f"{name}.ln_1", width)
        planner.linear_transposed(f"{name}.attn.c_attn", width, 3 * width)
        planner.linear_transposed(f"{name}.attn.c_proj", width, width)
        planner.norm(f"{name}.ln_2", width)
        planner.linear_transposed(f"{name}.mlp.c_fc", width, config.hidden)
        planner.linear_transposed(f"{name}.mlp.c_proj", config.hidden, width)
    planner.norm(f"{root}.ln_f", width)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:  # noqa: ARG001 - there is no convolution
    """See `auscult.families.signature`."""
    return False


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """The width of an attention head; for Llama also the rotary base and the norms' epsilon."""
    heads = {"head_width": (64, 128, 32)}
    return (
        heads
        if config.backbone == "gpt2"
        else {**heads, "rope_theta": (500_000.0, 10_000.0), "norm_eps": (1e-5, 1e-6)}
    )


def variant(config: Config) -> str | None:
    """The published models."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
