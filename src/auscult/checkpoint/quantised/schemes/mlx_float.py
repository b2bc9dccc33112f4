"""MLX's float quantisation: mxfp4, mxfp8 and nvfp4, with a scale of 8 bits for each group of a row.

`x.weight` (out, in * bits / 32) in uint32 and `x.scales` (out, in / group) in uint8, without
biases. The three differ in the product of bits and group, so that shapes tell them apart. Sources:
mlx.core.quantize; OCP Microscaling 1.0 (e8m0 scales of mxfp4, mxfp8); nvfp4 has e4m3 scales.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from auscult.checkpoint.quantised import MergedWeight, SchemeContext
from auscult.checkpoint.quantised.bits import (
    decode_powers,
    make_fp4_table,
    make_table_bounds,
    unpack_bits,
)
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows, read_rows, spread_groups
from auscult.checkpoint.source import dtype_of
from auscult.late import numpy as np
from auscult.weights import Array, Tensor

NAME = "MLX float"
CHECKED_WITH = ("MLX 0.32.4",)


@dataclass(frozen=True)
class FloatFormat:
    """One of the formats: the values of its codes, and what its scales are."""

    name: str
    bits: int
    group: int
    make_table: Callable[[], Array]
    decode_scales: Callable[[Array], Array]


def _make_fp8_table() -> Array:
    return np.arange(256, dtype=np.uint8).view(dtype_of("float8_e4m3fn")).astype(np.float32)


def _decode_fp8(scales: Array) -> Array:
    return np.ascontiguousarray(scales).view(dtype_of("float8_e4m3fn")).astype(np.float32)


FORMATS = (
    FloatFormat("mxfp4", 4, 32, make_fp4_table, decode_powers),
    FloatFormat("mxfp8", 8, 32, _make_fp8_table, decode_powers),
    FloatFormat("nvfp4", 4, 16, make_fp4_table, _decode_fp8),
)


def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]:  # noqa: ARG001
    """Weights in uint32 with scales in uint8 and no biases beside them."""
    for name in list(parts):
        words = parts[name]
        if words.dtype != "uint32" or not name.endswith("weight") or len(words.shape) < 2:
            continue
        stem = name.removesuffix("weight")
        scales = parts.get(stem + "scales")
        if scales is None or scales.dtype != "uint8" or stem + "biases" in parts:
            continue
        number_format = _match_format(words, scales)
        if number_format is not None:
            data = _describe_weight(words, scales, number_format)
            yield MergedWeight(name, data, (name, scales.name))


def _match_format(words: Tensor, scales: Tensor) -> FloatFormat | None:
    if scales.shape[:-1] != words.shape[:-1] or 0 in words.shape or 0 in scales.shape:
        return None
    for candidate in FORMATS:
        if words.shape[-1] * 32 == scales.shape[-1] * candidate.bits * candidate.group:
            return candidate
    return None


def _describe_weight(words: Tensor, scales: Tensor, number_format: FloatFormat) -> CodedWeight:
    shape = (*words.shape[:-1], words.shape[-1] * 32 // number_format.bits)
    row_count = words.size // words.shape[-1]
    table = number_format.make_table()
    finite = np.isfinite(table)
    bounds = np.zeros_like(table)
    bounds[finite] = make_table_bounds(table[finite])

    def decode(first: int, last: int) -> DecodedRows:
        codes = unpack_bits(read_rows(words, first, last, row_count), number_format.bits)
        scale = number_format.decode_scales(read_rows(scales, first, last, row_count))
        spread = spread_groups(scale, number_format.group)
        return DecodedRows(table[codes] * spread, bounds[codes] * np.abs(spread))

    return CodedWeight(
        shape,
        f"mlx_{number_format.name}",
        f"MLX {number_format.name}",
        number_format.bits,
        number_format.group,
        decode,
    )
