"""optimum-quanto's qint2 and qint4: groups of a row as rows of their own, packed half over half.

`x.weight._data._data` in uint8 holds the grouped weight (groups, group size) packed along its first
axis: the low bits are the first rows, the next bits the rows behind them. `x.weight._scale` and
`x.weight._shift` are (groups, 1); value = scale * code - shift. The weight's own shape is in no
tensor: the bias tells its rows. Source: optimum.quanto, WeightQBitsTensor, PackedTensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auscult.checkpoint.quantised import MergedWeight, SchemeContext
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows, are_scales, get_rounding
from auscult.late import numpy as np
from auscult.weights import Tensor

NAME = "optimum-quanto"
CHECKED_WITH = ("optimum-quanto 0.2.7",)
CODES, SCALE, SHIFT = "._data._data", "._scale", "._shift"
IGNORED = (".input_scale", ".output_scale")
BOUND_STEPS = 0.51
"""Largest error in steps: quanto's ranges reach from the smallest to the largest value of a group."""


def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]:  # noqa: ARG001
    """Weights with packed data, scale and shift."""
    for name in list(parts):
        stem = name.removesuffix(CODES)
        scale, shift = parts.get(stem + SCALE), parts.get(stem + SHIFT)
        codes = parts[name]
        if stem == name or scale is None or shift is None or codes.dtype != "uint8":
            continue
        if not are_scales(scale, shift) or shift.size != scale.size or not codes.size:
            continue
        per_byte = scale.size // codes.shape[0] if len(codes.shape) == 2 else 0
        if per_byte not in (2, 4) or per_byte * codes.shape[0] != scale.size:
            continue
        layer = stem.removesuffix(".weight")
        bias = parts.get(f"{layer}.bias")
        row_count = bias.size if bias is not None else scale.size
        if not row_count or scale.size * codes.shape[1] % row_count:
            continue
        note = None
        if bias is None:
            note = f"{stem}: its shape is in no tensor; read as one row for each group"
        data = _describe_weight(codes, scale, shift, row_count)
        own = [f"{layer}{key}" for key in IGNORED if f"{layer}{key}" in parts]
        yield MergedWeight(stem, data, (name, scale.name, shift.name, *own), note)


def _describe_weight(codes: Tensor, scale: Tensor, shift: Tensor, row_count: int) -> CodedWeight:
    packed_rows, group = codes.shape
    per_byte = scale.size // packed_rows
    bits = 8 // per_byte
    shape = (row_count, scale.size * group // row_count)
    rounding = get_rounding(scale.dtype)

    def decode(first: int, last: int) -> DecodedRows:
        packed = codes.numpy()
        mask = np.uint8((1 << bits) - 1)
        layers = [(packed >> np.uint8(bits * index)) & mask for index in range(per_byte)]
        steps = scale.numpy().astype(np.float32).reshape(-1, 1)
        shifts = shift.numpy().astype(np.float32).reshape(-1, 1)
        scaled = np.concatenate(layers).astype(np.float32) * steps
        bounds = BOUND_STEPS * np.abs(steps) + rounding * (scaled + np.abs(shifts))
        return DecodedRows(
            (scaled - shifts).reshape(shape)[first:last], bounds.reshape(shape)[first:last]
        )

    return CodedWeight(shape, f"quanto_int{bits}", NAME, bits, group, decode)
