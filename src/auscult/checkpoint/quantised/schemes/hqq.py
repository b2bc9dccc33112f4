"""HQQ: codes with a floating zero point, groups of a row (or of a column) as rows of their own.

`x.W_q` holds the grouped weight packed along its first axis: the highest bits are the first rows,
the next bits the rows behind them (3 bits: ten codes to an int32). `x.scale` and `x.zero` have one
number for each group; value = (code - zero) * scale. `x.nbits`, `x.group_size`, `x.shape`, `x.axis`
and `x.packing` (a text, as bytes) say the rest. Source: hqq.core.quantize.Quantizer, hqq.core.bitpack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import NamedTuple

from auscult.checkpoint.quantised import MergedWeight, SchemeContext
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows, are_scales, get_rounding
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor

NAME = "HQQ"
CHECKED_WITH = ("hqq 0.2.8",)
CODES = ".W_q"
MARKS = ("quant_scale", "quant_zero", "view_as_float")
"""Flags of forms that are not read: scales that are quantised too, codes stored as floats."""
IGNORED = (
    *("nbits", "group_size", "shape", "axis", "packing", "unpack_view_dtype", "compute_dtype"),
    *("offload_meta", "encoded_state_dict", "stores_quant_config", "channel_wise", "optimize"),
    *("round_zero", *MARKS),
)
CODES_PER_ITEM = {"8bit_u8": 1, "4bit_u8": 2, "2bit_u8": 4, "1bit_u8": 8, "3bit_32": 10}
BOUND_STEPS = 0.51
"""Largest error in steps inside the range: rounding, and the rounding of the numbers in float32."""
CLIPPED_STEPS = 1.5
"""The same for the lowest and the highest code, which stand for what the moved zero point cut off too.
Measured on hqq 0.2.8 with 2, 3, 4 and 8 bits in groups of 64 of normal, uniform and Student t (4 degrees)
weights: at most 0.96."""
MAX_TEXT_BYTES = 64


class HqqState(NamedTuple):
    """How one weight was packed."""

    bits: int
    group: int
    shape: Shape
    packing: str


def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]:  # noqa: ARG001
    """Layers with packed codes, scales, zero points and what says how they were packed."""
    for name in list(parts):
        layer = name.removesuffix(CODES)
        scale, zero = parts.get(f"{layer}.scale"), parts.get(f"{layer}.zero")
        if layer == name or scale is None or zero is None or not are_scales(scale, zero):
            continue
        state = _read_state(parts, layer)
        if state is None or scale.size != zero.size:
            continue
        data = _describe_weight(parts[name], scale, zero, state)
        own = [f"{layer}.{key}" for key in IGNORED if f"{layer}.{key}" in parts]
        yield MergedWeight(f"{layer}.weight", data, (name, scale.name, zero.name, *own))


def _read_state(parts: Mapping[str, Tensor], layer: str) -> HqqState | None:
    """What stands beside the codes; None where it is not there, or is a form that is not read."""
    needed = [parts.get(f"{layer}.{key}") for key in ("nbits", "group_size", "shape", "packing")]
    present = [part for part in needed if part is not None and 0 < part.nbytes <= MAX_TEXT_BYTES]
    marks = [parts[f"{layer}.{key}"] for key in MARKS if f"{layer}.{key}" in parts]
    if len(present) < len(needed) or any(mark.size != 1 or mark.numpy().any() for mark in marks):
        return None
    if not all(part.dtype.startswith(("int", "uint")) and part.size for part in present):
        return None
    bits, group, sides, text = (part.numpy().reshape(-1) for part in present)
    packing = text.tobytes().decode("ascii", "replace")
    shape = tuple(int(side) for side in sides)
    if packing not in CODES_PER_ITEM or min(shape) < 1 or int(group[0]) < 1:
        return None
    return HqqState(int(bits[0]), int(group[0]), shape, packing)


def _describe_weight(codes: Tensor, scale: Tensor, zero: Tensor, state: HqqState) -> CodedWeight:
    size, row_length = prod(state.shape), state.shape[-1]
    grouped = _shape_groups(codes, scale, state)
    top = np.float32(2**state.bits - 1)
    rounding = get_rounding(scale.dtype)

    def decode(first: int, last: int) -> DecodedRows:
        unpacked = _unpack(codes.numpy(), state.packing)[: grouped[0]].astype(np.float32)
        step, shift = (part.numpy().astype(np.float32) for part in (scale, zero))
        values = (unpacked - shift) * step
        is_end = (unpacked == 0) | (unpacked == top)
        bounds = np.where(is_end, CLIPPED_STEPS, BOUND_STEPS) * np.abs(step)
        bounds = bounds + rounding * (unpacked + np.abs(shift)) * np.abs(step)
        start, stop = first * row_length, last * row_length
        rows = (last - first, row_length)
        return DecodedRows(
            values.reshape(-1)[start:stop].reshape(rows),
            bounds.reshape(-1)[:size][start:stop].reshape(rows),
        )

    group = state.group if state.group < size else None
    return CodedWeight(state.shape, f"hqq_int{state.bits}", NAME, state.bits, group, decode)


def _shape_groups(codes: Tensor, scale: Tensor, state: HqqState) -> tuple[int, int]:
    """The grouped weight as [rows, columns], as it was packed.

    Raises:
        CheckpointError: If codes and scales are not as many as its shape needs.
    """
    size = prod(state.shape)
    width = codes.shape[-1] if len(codes.shape) == 2 else 0
    rows = size // width if width and size % width == 0 else 0
    held = codes.shape[0] * CODES_PER_ITEM[state.packing] if codes.shape else 0
    fits_scales = scale.shape in ((rows, 1), (1, width)) or scale.size == 1
    if not rows or held < rows or not fits_scales:
        raise CheckpointError(
            "has codes and scales that do not fill its shape",
            where=codes.name,
            expected=f"{size} codes for shape {list(state.shape)}",
            found=f"codes {list(codes.shape)}, scales {list(scale.shape)}",
        )
    return rows, width


def _unpack(packed: Array, packing: str) -> Array:
    """[items, columns] -> [codes, columns], the highest bits first."""
    count = CODES_PER_ITEM[packing]
    bits = 3 if count == 10 else 8 // count
    shifts = [bits * (count - 1 - index) for index in range(count)]
    mask = (1 << bits) - 1
    unsigned = packed.astype(np.int64) & 0xFFFFFFFF
    return np.concatenate([(unsigned >> shift) & mask for shift in shifts])
