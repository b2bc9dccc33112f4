"""Names and shapes of auscult's codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.codec.config import Config
from auscult.families.records import FreeChoice, Variant
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact(
        "no `quantizer.books` with codes",
        any_of=("quantizer.books.0.codes", "quantizer.books.1.codes"),
    ),
    SignatureFact(
        "no `encoder.stages` with a strided convolution",
        any_of=("encoder.stages.0.conv.", "encoder.stages.1.conv."),
    ),
)
FIRST_KERNEL = 7  # of the convolutions at the full rate, and of the decoder's first
LAST_KERNEL = 3  # of the encoder's last


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    stages, books = shapes.count("encoder.stages."), shapes.count("quantizer.books.")
    if not stages or not books:
        return None
    convs = [f"encoder.stages.{stage}.conv" for stage in range(stages)]
    widths = [shapes.size((f"{convs[0]}.weight", 1), ("encoder.first.weight", 0), default=1)]
    widths += [shapes.size((f"{conv}.weight", 0), (f"{conv}.bias", 0), default=1) for conv in convs]
    kernels = [
        shapes.size(
            (f"{conv}.weight", 2), (f"decoder.stages.{stages - 1 - i}.conv.weight", 2), default=4
        )
        for i, conv in enumerate(convs)
    ]
    core = max(shapes.count("encoder.core."), shapes.count("decoder.core."))
    unit_places = [
        "encoder.core.0",
        *(f"encoder.stages.{stage}.units.0" for stage in range(stages)),
    ]
    projected = shapes.has("quantizer.books.0.narrow.", "quantizer.books.1.narrow.")
    tables = [f"quantizer.books.{book}.codes" for book in range(books)]
    latent = shapes.size(
        ("encoder.last.weight", 0),
        ("encoder.last.bias", 0),
        ("decoder.first.weight", 1),
        *(() if projected else ((table, 1) for table in tables)),
        default=80,
    )
    snake = shapes.has(
        "encoder.act.alpha", "encoder.core.0.act1.alpha", "decoder.stages.0.act.alpha"
    )
    return Config(
        widths=tuple(widths),
        strides=tuple(max(kernel // 2, 1) for kernel in kernels),
        units=max(shapes.count(f"encoder.stages.{stage}.units.") for stage in range(stages)),
        core=core,
        kernel=shapes.size(*((f"{place}.conv1.weight", 2) for place in unit_places), default=3),
        latent=latent,
        books=books,
        book_size=shapes.size(*((table, 0) for table in tables), default=1024),
        code_dim=shapes.size(*((table, 1) for table in tables), default=8) if projected else 0,
        activation="snake" if snake else "elu",
        average=Config.average if "quantizer.level" in shapes else 0.0,
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    widths, last = config.widths, len(config.strides) - 1
    full_rate = widths[0] != 1
    if full_rate:
        planner.conv1d("encoder.first", 1, widths[0], FIRST_KERNEL, norm=True)
    for stage, stride in enumerate(config.strides):
        name = f"encoder.stages.{stage}"
        if widths[stage] != 1:
            _plan_units(planner, f"{name}.units", config, widths[stage], config.units)
            _plan_activation(planner, f"{name}.act", config, widths[stage])
        planner.conv1d(f"{name}.conv", widths[stage], widths[stage + 1], 2 * stride, norm=True)
    _plan_units(planner, "encoder.core", config, widths[-1], config.core)
    _plan_activation(planner, "encoder.act", config, widths[-1])
    planner.conv1d("encoder.last", widths[-1], config.latent, LAST_KERNEL, norm=True)
    if config.average:
        planner.tensor("quantizer.level", (1,), "buffer")
    for book in range(config.books):
        planner.tensor(
            f"quantizer.books.{book}.codes",
            (config.book_size, config.code_dim or config.latent),
            "codebook",
        )
        if config.code_dim:
            planner.conv1d(
                f"quantizer.books.{book}.narrow", config.latent, config.code_dim, 1, norm=True
            )
            planner.conv1d(
                f"quantizer.books.{book}.wide", config.code_dim, config.latent, 1, norm=True
            )
    planner.conv1d("decoder.first", config.latent, widths[-1], FIRST_KERNEL, norm=True)
    _plan_units(planner, "decoder.core", config, widths[-1], config.core)
    for place in range(last + 1):
        stage = last - place
        name, source, target = f"decoder.stages.{place}", widths[stage + 1], widths[stage]
        _plan_activation(planner, f"{name}.act", config, source)
        planner.conv_transpose1d(
            f"{name}.conv", source, target, 2 * config.strides[stage], norm=True
        )
        _plan_units(planner, f"{name}.units", config, target, 0 if target == 1 else config.units)
    if full_rate:
        _plan_activation(planner, "decoder.act", config, widths[0])
        planner.conv1d("decoder.last", widths[0], 1, FIRST_KERNEL, norm=True)
    return planner.plan


def _plan_activation(planner: Planner, name: str, config: Config, width: int) -> None:
    if config.activation == "snake":
        planner.tensor(f"{name}.alpha", (width,))


def _plan_units(planner: Planner, name: str, config: Config, width: int, count: int) -> None:
    for unit in range(count):
        _plan_activation(planner, f"{name}.{unit}.act1", config, width)
        _plan_activation(planner, f"{name}.{unit}.act2", config, width)
        planner.conv1d(f"{name}.{unit}.conv1", width, width, config.kernel, norm=True)
        planner.conv1d(f"{name}.{unit}.conv2", width, width, 1, norm=True)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    parts = name.split(".")
    return parts[:2] == ["decoder", "stages"] and parts[3:4] == ["conv"]


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """See `auscult.families.signature`."""
    return {choice.field: choice.values for choice in choices(config)}


def choices(config: Config, hop: int | None = None) -> tuple[FreeChoice, ...]:  # noqa: ARG001 - the kernels show the strides
    """What the weights leave open."""
    ends: tuple[Literal["none", "tanh", "clamp"], ...] = ("none", "tanh", "clamp")
    return (
        FreeChoice("end", ends, "none", "nothing, tanh or a cut at ±1 after the last convolution"),
        FreeChoice("causal", (True, False), True, "frames that see the past only"),
        FreeChoice("delay", (160, 0, config.hop), 160, "samples by which the decoder lags behind")
        if config.hop not in (0, 160)
        else FreeChoice("delay", (160, 0), 160, "samples by which the decoder lags behind"),
        FreeChoice(
            "dilations",
            ((1, 3, 9), (1, 1, 1), (1, 2, 4)),
            (1, 3, 9),
            "dilations of the residual units before a stride",
        ),
        FreeChoice(
            "core_dilations",
            ((1, 2, 4, 8), (1, 3, 9), (1,)),
            (1, 2, 4, 8),
            "dilations of the residual units around the code",
        ),
    )


def variants(config: Config) -> tuple[Variant, ...]:
    """The published reading of these sizes."""
    published = replace(config, **{choice.field: choice.default for choice in choices(config)})
    return (Variant("published", published, "auscult's own configs"),)


def variant(config: Config) -> str | None:
    """The codec that comes with the package."""
    return "telugu" if config == Config() else None
