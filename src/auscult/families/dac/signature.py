"""Names and shapes of DAC. Sources: descript-audio-codec 1.0.0 dac/model/dac.py; transformers DacModel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact("no `quantizer.quantizers` with projections", any_of=("quantizer.quantizers.",)),
    SignatureFact(
        "no Snake `alpha` in the encoder",
        any_of=("encoder.block.1.block.", "encoder.block.0.res_unit", "encoder.block.2.block."),
    ),
)


@dataclass(frozen=True)
class Config:
    """Defaults are DAC 44.1 kHz. `encoder_kernels` are twice the strides, `decoder_kernels` likewise."""

    naming: Literal["dac", "transformers"] = "dac"
    encoder_width: int = 64
    encoder_kernels: tuple[int, ...] = (4, 8, 16, 16)
    latent: int = 1024
    decoder_width: int = 1536
    decoder_kernels: tuple[int, ...] = (16, 16, 8, 4)
    books: int = 9
    book_size: int = 1024
    book_dim: int = 8


PUBLISHED = {
    "44.1 kHz": ((4, 8, 16, 16), 9),
    "24 kHz": ((4, 8, 10, 16), 32),
    "16 kHz": ((4, 8, 10, 16), 12),
}


class _Names:
    """The two namings, layer by layer."""

    def __init__(self, naming: str, stages: int) -> None:
        own = naming == "dac"
        self.own = own
        self.encoder_in = "encoder.block.0" if own else "encoder.conv1"
        self.encoder_snake = f"encoder.block.{stages + 1}" if own else "encoder.snake1"
        self.encoder_out = f"encoder.block.{stages + 2}" if own else "encoder.conv2"
        self.decoder_in = "decoder.model.0" if own else "decoder.conv1"
        self.decoder_snake = f"decoder.model.{stages + 1}" if own else "decoder.snake1"
        self.decoder_out = f"decoder.model.{stages + 2}" if own else "decoder.conv2"

    def down(self, stage: int) -> tuple[str, str, tuple[str, ...]]:
        """Snake, strided convolution, residual units of an encoder block."""
        if self.own:
            name = f"encoder.block.{stage + 1}.block"
            return f"{name}.3", f"{name}.4", tuple(f"{name}.{unit}.block" for unit in range(3))
        name = f"encoder.block.{stage}"
        return (
            f"{name}.snake1",
            f"{name}.conv1",
            tuple(f"{name}.res_unit{unit}" for unit in (1, 2, 3)),
        )

    def up(self, stage: int) -> tuple[str, str, tuple[str, ...]]:
        """Snake, transposed convolution, residual units of a decoder block."""
        if self.own:
            name = f"decoder.model.{stage + 1}.block"
            return f"{name}.0", f"{name}.1", tuple(f"{name}.{unit}.block" for unit in (2, 3, 4))
        name = f"decoder.block.{stage}"
        return (
            f"{name}.snake1",
            f"{name}.conv_t1",
            tuple(f"{name}.res_unit{unit}" for unit in (1, 2, 3)),
        )

    def unit(self, name: str) -> tuple[str, str, str, str]:
        """Snake, convolution, Snake, convolution of a residual unit."""
        parts = ("0", "1", "2", "3") if self.own else ("snake1", "conv1", "snake2", "conv2")
        return (
            f"{name}.{parts[0]}",
            f"{name}.{parts[1]}",
            f"{name}.{parts[2]}",
            f"{name}.{parts[3]}",
        )


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    own = shapes.has("encoder.block.1.block.", "decoder.model.")
    naming: Literal["dac", "transformers"] = "dac" if own else "transformers"
    stages = (
        (max(shapes.count("encoder.block."), shapes.count("decoder.model.")) - 3)
        if own
        else shapes.count("encoder.block.")
    )
    if stages < 1:
        return None
    names = _Names(naming, stages)
    down = [names.down(stage)[1] for stage in range(stages)]
    up = [names.up(stage)[1] for stage in range(stages)]
    books = shapes.count("quantizer.quantizers.")
    tables = [f"quantizer.quantizers.{book}.codebook.weight" for book in range(books)]
    width = shapes.find(
        (f"{names.encoder_in}.weight", 0), (f"{names.encoder_in}.bias", 0), (f"{down[0]}.weight", 1)
    )
    if not width:
        return None
    return Config(
        naming=naming,
        encoder_width=width,
        encoder_kernels=tuple(shapes.size((f"{name}.weight", 2), default=8) for name in down),
        latent=shapes.size(
            (f"{names.encoder_out}.weight", 0), (f"{names.encoder_out}.bias", 0), default=1024
        ),
        decoder_width=shapes.size(
            (f"{names.decoder_in}.weight", 0), (f"{names.decoder_in}.bias", 0), default=1536
        ),
        decoder_kernels=tuple(shapes.size((f"{name}.weight", 2), default=8) for name in up),
        books=books,
        book_size=shapes.size(*((name, 0) for name in tables), ("quantizer", 0), default=1024),
        book_dim=shapes.size(*((name, 1) for name in tables), ("quantizer", 0), default=8),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    names = _Names(config.naming, len(config.encoder_kernels))
    width = config.encoder_width
    planner.conv1d(names.encoder_in, 1, width, 7, norm=True)
    for stage, kernel in enumerate(config.encoder_kernels):
        snake, conv, units = names.down(stage)
        for unit in units:
            _plan_unit(planner, names.unit(unit), width)
        _plan_snake(planner, snake, width)
        planner.conv1d(conv, width, 2 * width, kernel, norm=True)
        width *= 2
    _plan_snake(planner, names.encoder_snake, width)
    planner.conv1d(names.encoder_out, width, config.latent, 3, norm=True)
    for book in range(config.books):
        name = f"quantizer.quantizers.{book}"
        planner.conv1d(f"{name}.in_proj", config.latent, config.book_dim, 1, norm=True)
        planner.conv1d(f"{name}.out_proj", config.book_dim, config.latent, 1, norm=True)
        planner.embedding(f"{name}.codebook", config.book_size, config.book_dim)
    width = config.decoder_width
    planner.conv1d(names.decoder_in, config.latent, width, 7, norm=True)
    for stage, kernel in enumerate(config.decoder_kernels):
        snake, conv, units = names.up(stage)
        _plan_snake(planner, snake, width)
        planner.conv_transpose1d(conv, width, width // 2, kernel, norm=True)
        width //= 2
        for unit in units:
            _plan_unit(planner, names.unit(unit), width)
    _plan_snake(planner, names.decoder_snake, width)
    planner.conv1d(names.decoder_out, width, 1, 7, norm=True)
    return planner.plan


def _plan_snake(planner: Planner, name: str, width: int) -> None:
    planner.tensor(f"{name}.alpha", (1, width, 1))


def _plan_unit(planner: Planner, names: tuple[str, str, str, str], width: int) -> None:
    _plan_snake(planner, names[0], width)
    planner.conv1d(names[1], width, width, 7, norm=True)
    _plan_snake(planner, names[2], width)
    planner.conv1d(names[3], width, width, 1, norm=True)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    parts = name.split(".")
    if parts[:2] == ["decoder", "model"]:
        return len(parts) == 6 and parts[3:5] == ["block", "1"]
    return "conv_t1" in parts


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """Strides, dilations, the tanh at the end."""
    return {
        "encoder_strides": (tuple(kernel // 2 for kernel in config.encoder_kernels),),
        "decoder_strides": (tuple(kernel // 2 for kernel in config.decoder_kernels),),
        "dilations": ((1, 3, 9),),
        "final_tanh": (True, False),
    }


def variant(config: Config) -> str | None:
    """The published sample rates."""
    sizes = (config.encoder_kernels, config.books)
    return next((name for name, published in PUBLISHED.items() if published == sizes), None)
