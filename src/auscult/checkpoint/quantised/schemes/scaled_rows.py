"""Integers or 8-bit floats whose scale is one number, one a row, or one a group of a row.

| quantiser | codes | scale | zero point | value |
|---|---|---|---|---|
| bitsandbytes int8 | `x.weight` int8 | `x.SCB` (rows) | - | code * SCB / 127 |
| torchao int8, safetensors | `x._weight_qdata` int8 | `x._weight_scale` | `x._weight_zero_point` | (code - zero) * scale |
| torchao, pickled | `x.weight.qdata` int8 | `x.weight.scale` | `x.weight.zero_point` | (code - zero) * scale |
| optimum-quanto | `x.weight._data` int8 | `x.weight._scale` | - | code * scale |
| ComfyUI fp8 | `x.weight` float8 | `x.scale_weight` () | - | code * scale |
| fp8 by blocks | `x.weight` float8 | `x.weight_scale_inv` (rows / 128, columns / 128) | - | code * scale |
| compressed-tensors | `x.weight` int8 or float8 | `x.weight_scale` | `x.weight_zero_point` | (code - zero) * scale |
| scripts of one's own | `x` float8 | `x_scale` | - | code * scale |

Sources: bitsandbytes Int8Params, torchao Int8Tensor, optimum.quanto WeightQBytesTensor, ComfyUI
comfy.ops, DeepSeek-V3 inference/kernel.py, compressed_tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auscult.checkpoint.quantised import MergedWeight, SchemeContext
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows, are_scales, get_rounding
from auscult.checkpoint.source import dtype_of
from auscult.late import numpy as np
from auscult.weights import Array, Tensor

NAME = "codes with a scale"
CHECKED_WITH = (
    "bitsandbytes 0.50.2",
    "torchao 0.18.0",
    "optimum-quanto 0.2.7",
    "compressed-tensors 0.20.1",
)
INT8_LEVELS = 127.0
INTEGER_BOUND = 0.51
"""Largest error of an integer code in steps: rounding, and the rounding of the scale in float32."""
ASYMMETRIC_BOUND = 1.01
"""The same with a zero point, which is rounded too and may cut an end off by half a step."""
FLOAT_EPS = {"float8_e4m3fn": 2.0**-4, "float8_e5m2": 2.0**-3}
"""Half a unit in the last place of 1.0."""
FLOAT_TINY = {"float8_e4m3fn": 2.0**-10, "float8_e5m2": 2.0**-17}
"""Half the smallest step near 0."""


@dataclass(frozen=True)
class Spelling:
    """How one quantiser names the parts of a weight; `{}` stands for the layer.

    Attributes:
        factor: Of the scale.
        source_rounding: Relative error of the weight before it was quantised: bitsandbytes takes
            it to float16 first.
        weight: Name of the weight that the parts stand for.
        is_float_only: Whether integers under these names may be something else.
    """

    words: str
    dtype: str
    codes: str
    scale: str
    zero_point: str | None = None
    factor: float = 1.0
    source_rounding: float = 0.0
    ignored: tuple[str, ...] = ()
    weight: str = "{}.weight"
    is_float_only: bool = False

    def match_layer(self, name: str) -> str | None:
        """The layer whose codes have that name."""
        suffix = self.codes.removeprefix("{}")
        return name.removesuffix(suffix) if name.endswith(suffix) else None


SPELLINGS = (
    Spelling(
        "bitsandbytes",
        "bnb_int8",
        "{}.weight",
        "{}.SCB",
        factor=1 / INT8_LEVELS,
        source_rounding=2.0**-11,
        ignored=("{}.weight_format",),
    ),
    Spelling("torchao", "torchao", "{}._weight_qdata", "{}._weight_scale", "{}._weight_zero_point"),
    Spelling("torchao", "torchao", "{}.weight.qdata", "{}.weight.scale", "{}.weight.zero_point"),
    Spelling(
        "optimum-quanto",
        "quanto",
        "{}.weight._data",
        "{}.weight._scale",
        ignored=("{}.input_scale", "{}.output_scale"),
    ),
    Spelling(
        "ComfyUI",
        "scaled",
        "{}.weight",
        "{}.scale_weight",
        ignored=("{}.scale_input", "scaled_fp8"),
    ),
    Spelling("blocks", "scaled", "{}.weight", "{}.weight_scale_inv"),
    Spelling(
        "compressed-tensors",
        "compressed",
        "{}.weight",
        "{}.weight_scale",
        "{}.weight_zero_point",
        ignored=("{}.input_scale", "{}.input_zero_point"),
    ),
    Spelling("a scale beside it", "scaled", "{}", "{}_scale", weight="{}", is_float_only=True),
)


def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]:  # noqa: ARG001
    """Weights with a scale beside them under one of the spellings."""
    for name in list(parts):
        if _may_be_codes(parts[name]):
            weight = next(filter(None, (_merge(parts, name, item) for item in SPELLINGS)), None)
            if weight is not None:
                yield weight


def _may_be_codes(tensor: Tensor) -> bool:
    """Integers of one axis are a list, such as of indices: no quantiser takes a bias or a norm to int8."""
    if tensor.dtype == "int8":
        return len(tensor.shape) >= 2 and tensor.size > 0
    return tensor.dtype in FLOAT_EPS and bool(tensor.shape) and tensor.size > 0


def _merge(parts: Mapping[str, Tensor], name: str, spelling: Spelling) -> MergedWeight | None:
    layer = spelling.match_layer(name)
    scale = parts.get(spelling.scale.format(layer)) if layer is not None else None
    codes = parts[name]
    if spelling.is_float_only and codes.dtype not in FLOAT_EPS:
        return None
    if layer is None or scale is None or not are_scales(scale) or not _fits(scale, codes):
        return None
    if 1 < scale.size == codes.size and codes.shape[-1] > 1:  # numbers of its own for each code
        return None
    zero_point = None
    if spelling.zero_point is not None:
        zero_point = parts.get(spelling.zero_point.format(layer))
    part_names = [name, scale.name]
    if zero_point is not None:
        part_names.append(zero_point.name)
    part_names += [
        ignored.format(layer) for ignored in spelling.ignored if ignored.format(layer) in parts
    ]
    if zero_point is not None and not _fits(zero_point, codes):
        return None
    data = _describe_weight(codes, scale, zero_point, spelling)
    return MergedWeight(spelling.weight.format(layer), data, tuple(part_names))


def _fits(scale: Tensor, codes: Tensor) -> bool:
    """Whether the scale is one number, or spreads over the codes in whole blocks."""
    if scale.size == 1:
        return True
    return _find_blocks(scale, codes) is not None


def _find_blocks(scale: Tensor, codes: Tensor) -> tuple[int, ...] | None:
    """Per axis of the codes, how many of them share a scale; None where that is no whole number."""
    shape = scale.shape
    if len(shape) == 1 and shape[0] == codes.shape[0]:
        shape = (shape[0], *(1 for _ in codes.shape[1:]))
    if len(shape) != len(codes.shape):
        return None
    blocks = []
    for count, side in zip(shape, codes.shape, strict=True):
        block = -(-side // count) if count else 0
        if not block or -(-side // block) != count:
            return None
        blocks.append(block)
    return tuple(blocks)


def _describe_weight(
    codes: Tensor, scale: Tensor, zero_point: Tensor | None, spelling: Spelling
) -> CodedWeight:
    row_length = codes.shape[-1]
    is_float = codes.dtype in FLOAT_EPS
    rounding = get_rounding(scale.dtype) + spelling.source_rounding

    def decode(first: int, last: int) -> DecodedRows:
        stored = codes.flat(first * row_length, last * row_length).reshape(last - first, row_length)
        code_values = stored.astype(np.float32)
        if zero_point is not None:
            code_values = code_values - _spread_rows(zero_point, codes, first, last)
        row_scale, factor = _spread_rows(scale, codes, first, last), np.float32(spelling.factor)
        step, values = (
            row_scale * factor,
            code_values * row_scale * factor,
        )  # in the order of bitsandbytes
        if is_float:
            bounds = FLOAT_EPS[codes.dtype] * np.abs(values) + FLOAT_TINY[codes.dtype] * np.abs(
                step
            )
        else:
            bounds = (INTEGER_BOUND if zero_point is None else ASYMMETRIC_BOUND) * np.abs(step)
        return DecodedRows(values, bounds + rounding * np.abs(values))

    bits = 8
    kind = "fp8" if is_float else f"int{dtype_of(codes.dtype).itemsize * 8}"
    dtype = spelling.dtype if spelling.dtype.endswith(kind) else f"{spelling.dtype}_{kind}"
    blocks = _find_blocks(scale, codes) if scale.size > 1 else None
    group = blocks[-1] if blocks and blocks[-1] < row_length else None
    return CodedWeight(
        codes.shape,
        dtype,
        f"{spelling.words}, {kind}",
        bits,
        group,
        decode,
    )


def _spread_rows(part: Tensor, codes: Tensor, first: int, last: int) -> Array:
    """The part at each code of rows `first:last`: [rows, length], or one number."""
    values = part.numpy().astype(np.float32)
    if part.size == 1:
        return values.reshape(1, 1)
    blocks = _find_blocks(part, codes) or ()
    if len(part.shape) == 1:
        values = values.reshape(-1, *(1 for _ in codes.shape[1:]))
    for axis, block in enumerate(blocks):
        values = np.repeat(values, block, axis=axis)
        values = values.take(range(codes.shape[axis]), axis=axis)
    return values.reshape(-1, codes.shape[-1])[first:last]
