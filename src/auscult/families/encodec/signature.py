"""Names and shapes of EnCodec. Sources: encodec 0.1.1 modules/seanet.py, quantization/core_vq.py; transformers EncodecModel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._seanet import (
    ORIGINAL_NAMING,
    TRANSFORMERS_NAMING,
    SeanetSizes,
    infer_seanet,
    plan_seanet,
)
from auscult.families._shapes import Shapes
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact(
        "no `quantizer` with an `embed_avg`",
        any_of=("quantizer.vq.layers.", "quantizer.layers.0.codebook.", "quantizer.layers.1."),
    ),
    SignatureFact(
        "`encoder_transformer` is here, as in Mimi",
        none_of=("encoder_transformer.", "decoder_transformer."),
    ),
)


@dataclass(frozen=True)
class Config:
    """Defaults are EnCodec 24 kHz. `kernels` are twice the strides, from the input inwards."""

    naming: Literal["encodec", "transformers"] = "encodec"
    audio_channels: int = 1
    filters: int = 32
    latent: int = 128
    kernels: tuple[int, ...] = (4, 8, 10, 16)
    kernel_size: int = 7
    residual_kernel_size: int = 3
    last_kernel_size: int = 7
    lstm_layers: int = 2
    shortcut: bool = True
    norm: Literal["weight_norm", "time_group_norm"] = "weight_norm"
    books: int = 32
    book_size: int = 1024


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    own = shapes.has("encoder.model.", "quantizer.vq.")
    naming = ORIGINAL_NAMING if own else TRANSFORMERS_NAMING
    lstm = max(
        (
            layer + 1
            for layer in range(8)
            for i in range(40)
            if f"encoder.{naming.root}.{i}.lstm.weight_hh_l{layer}" in shapes
        ),
        default=0,
    )
    net = infer_seanet(shapes, naming, lstm=lstm, weight_norm=True)
    if net is None:
        return None
    book, codebook = (
        ("quantizer.vq.layers.", "_codebook") if own else ("quantizer.layers.", "codebook")
    )
    books = shapes.count(book)
    places = ((f"{book}{i}.{codebook}.embed", 0) for i in range(books))
    return Config(
        naming="encodec" if own else "transformers",
        audio_channels=net.channels,
        filters=net.filters,
        latent=net.latent,
        kernels=net.kernels,
        kernel_size=net.kernel_size,
        residual_kernel_size=net.residual_kernel_size,
        last_kernel_size=net.last_kernel_size,
        lstm_layers=lstm,
        shortcut=net.shortcut,
        norm="time_group_norm" if net.group_norm else "weight_norm",
        books=books,
        book_size=shapes.size(*places, (f"{book}0.{codebook}.embed_avg", 0), default=1024),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    own = config.naming == "encodec"
    net = SeanetSizes(
        channels=config.audio_channels,
        filters=config.filters,
        latent=config.latent,
        kernels=config.kernels,
        kernel_size=config.kernel_size,
        residual_kernel_size=config.residual_kernel_size,
        last_kernel_size=config.last_kernel_size,
        lstm=config.lstm_layers,
        shortcut=config.shortcut,
        group_norm=config.norm == "time_group_norm",
        weight_norm=config.norm == "weight_norm",
    )
    plan_seanet(planner, ORIGINAL_NAMING if own else TRANSFORMERS_NAMING, net)
    for index in range(config.books):
        name = (
            f"quantizer.vq.layers.{index}._codebook"
            if own
            else f"quantizer.layers.{index}.codebook"
        )
        planner.tensor(f"{name}.inited", (1,), "buffer", optional=True)
        planner.tensor(f"{name}.cluster_size", (config.book_size,), "buffer", optional=True)
        planner.tensor(f"{name}.embed", (config.book_size, config.latent), "codebook")
        planner.tensor(
            f"{name}.embed_avg", (config.book_size, config.latent), "buffer", optional=True
        )
    return planner.plan


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    if ".convtr." in name:
        return True
    parts = name.split(".")
    # transformers calls both kinds `conv`; the decoder's transposed ones follow an ELU: layers 3, 6, 9, 12
    return (
        parts[:2] == ["decoder", "layers"]
        and len(parts) == 5
        and parts[2].isdecimal()
        and int(parts[2]) in range(3, 15, 3)
    )


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """Strides, dilations, causality, and whether the wrapper normalises the input."""
    return {
        "strides": (tuple(kernel // 2 for kernel in config.kernels),),
        "causal": (config.norm == "weight_norm", config.norm != "weight_norm"),
        "normalize": (config.audio_channels == 2, config.audio_channels != 2),
    }


def variant(config: Config) -> str | None:
    """24 or 48 kHz."""
    sizes = (config.audio_channels, config.norm, config.books)
    return (
        {(1, "weight_norm", 32): "24 kHz", (2, "time_group_norm", 16): "48 kHz"}.get(sizes)
        if config.filters == 32
        else None
    )
