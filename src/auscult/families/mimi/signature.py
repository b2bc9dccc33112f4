"""Names and shapes of Mimi. Source: transformers MimiModel (the names of kyutai/mimi)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._seanet import TRANSFORMERS_NAMING, SeanetSizes, infer_seanet, plan_seanet
from auscult.families._shapes import Shapes
from auscult.weights import Shape

SEMANTIC = "quantizer.semantic_residual_vector_quantizer"
ACOUSTIC = "quantizer.acoustic_residual_vector_quantizer"
EVIDENCE = (
    SignatureFact(
        "no `encoder_transformer`: Mimi has a transformer on each side",
        any_of=("encoder_transformer.", "decoder_transformer."),
    ),
)


@dataclass(frozen=True)
class Config:
    """Defaults are kyutai/mimi. `kernels` are twice the strides, from the input inwards."""

    audio_channels: int = 1
    filters: int = 64
    width: int = 512
    kernels: tuple[int, ...] = (8, 10, 12, 16)
    kernel_size: int = 7
    residual_kernel_size: int = 3
    last_kernel_size: int = 3
    resample_kernel_size: int = 4
    layers: int = 8
    hidden: int = 2048
    semantic_books: int = 1
    acoustic_books: int = 31
    book_size: int = 2048
    book_dim: int = 256


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    net = infer_seanet(shapes, TRANSFORMERS_NAMING, lstm=0, weight_norm=False)
    if net is None:
        return None
    layers = max(
        shapes.count("encoder_transformer.layers."), shapes.count("decoder_transformer.layers.")
    )
    books = shapes.count(f"{ACOUSTIC}.layers.")
    feed = (
        (f"{side}_transformer.layers.{i}.mlp.fc1.weight", 0)
        for side in ("encoder", "decoder")
        for i in range(layers)
    )
    embeds = [f"{ACOUSTIC}.layers.{i}.codebook.embed_sum" for i in range(books)]
    return Config(
        audio_channels=net.channels,
        filters=net.filters,
        width=net.latent,
        kernels=net.kernels,
        kernel_size=net.kernel_size,
        residual_kernel_size=net.residual_kernel_size,
        last_kernel_size=net.last_kernel_size,
        resample_kernel_size=shapes.size(
            ("downsample.conv.weight", 2), ("upsample.conv.weight", 2), default=4
        ),
        layers=layers,
        hidden=shapes.size(*feed, ("encoder_transformer", 0), default=2048),
        semantic_books=shapes.count(f"{SEMANTIC}.layers."),
        acoustic_books=books,
        book_size=shapes.size(*((name, 0) for name in embeds), (ACOUSTIC, 0), default=2048),
        book_dim=shapes.size(
            *((name, 1) for name in embeds), (f"{ACOUSTIC}.input_proj.weight", 0), default=256
        ),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    net = SeanetSizes(
        channels=config.audio_channels,
        filters=config.filters,
        latent=config.width,
        kernels=config.kernels,
        kernel_size=config.kernel_size,
        residual_kernel_size=config.residual_kernel_size,
        last_kernel_size=config.last_kernel_size,
        lstm=0,
        shortcut=False,
        group_norm=False,
        weight_norm=False,
    )
    plan_seanet(planner, TRANSFORMERS_NAMING, net)
    width = config.width
    for side in ("encoder", "decoder"):
        for layer in range(config.layers):
            _plan_layer(planner, f"{side}_transformer.layers.{layer}", width, config.hidden)
    planner.conv1d("downsample.conv", width, width, config.resample_kernel_size, bias=False)
    planner.conv_transpose1d(
        "upsample.conv", width, width, config.resample_kernel_size, groups=width, bias=False
    )
    for name, books in ((SEMANTIC, config.semantic_books), (ACOUSTIC, config.acoustic_books)):
        for book in range(books):
            codebook = f"{name}.layers.{book}.codebook"
            planner.tensor(f"{codebook}.initialized", (1,), "buffer", optional=True)
            planner.tensor(f"{codebook}.cluster_usage", (config.book_size,), "buffer")
            planner.tensor(f"{codebook}.embed_sum", (config.book_size, config.book_dim), "codebook")
        planner.conv1d(f"{name}.input_proj", width, config.book_dim, 1, bias=False)
        planner.conv1d(f"{name}.output_proj", config.book_dim, width, 1, bias=False)
    return planner.plan


def _plan_layer(planner: Planner, name: str, width: int, hidden: int) -> None:
    for part in "qkvo":
        planner.linear(f"{name}.self_attn.{part}_proj", width, width, bias=False)
    planner.linear(f"{name}.mlp.fc1", width, hidden, bias=False)
    planner.linear(f"{name}.mlp.fc2", hidden, width, bias=False)
    planner.norm(f"{name}.input_layernorm", width)
    planner.norm(f"{name}.post_attention_layernorm", width)
    planner.tensor(f"{name}.self_attn_layer_scale.scale", (width,))
    planner.tensor(f"{name}.mlp_layer_scale.scale", (width,))


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`. The decoder's transposed convolutions follow an ELU: layers 2, 5, 8, 11."""
    parts = name.split(".")
    if parts[0] == "upsample":
        return True
    return (
        parts[:2] == ["decoder", "layers"]
        and len(parts) == 5
        and parts[2].isdecimal()
        and int(parts[2]) in range(2, 14, 3)
    )


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """Strides, number of attention heads, attention window."""
    return {
        "strides": (tuple(kernel // 2 for kernel in config.kernels),),
        "heads": (8,),
        "sliding_window": (250,),
    }


def variant(config: Config) -> str | None:
    """kyutai/mimi."""
    return "kyutai/mimi" if config == Config() else None
