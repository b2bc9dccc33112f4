"""The constants of an OpenVINO IR as tensors: plain numbers of the .bin, or codes with what the graph does to them."""

from __future__ import annotations

from math import prod

from auscult.checkpoint.beside import open_data_file
from auscult.checkpoint.elements import (
    SUB_BYTE_BITS,
    DecodedData,
    check_shape,
    format_tensor_place,
    place_tensor,
)
from auscult.checkpoint.openvino_ir import IrLayer
from auscult.checkpoint.openvino_scaling import WeightScaling
from auscult.checkpoint.quantised.bits import make_fp4_table
from auscult.checkpoint.quantised.blocks import BlockCodes, describe_block_codes, spreads_over
from auscult.checkpoint.quantised.coded import are_scales
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor

DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "f8e4m3": "float8_e4m3fn",
    "f8e5m2": "float8_e5m2",
    "f8e8m0": "float8_e8m0fnu",
    "f4e2m1": "float4_e2m1fn",
    "nf4": "uint4",
    "boolean": "bool",
    **{f"i{bits}": f"int{bits}" for bits in (4, 8, 16, 32, 64)},
    **{f"u{bits}": f"uint{bits}" for bits in (2, 4, 8, 16, 32, 64)},
}
NF4_VALUES = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
"""NormalFloat's 16 values by code. Source: Dettmers et al. 2023 (QLoRA), appendix E."""
MAX_CODEBOOK = 256
FLOAT8_ROUNDING = 1 / 15
"""Relative error of a scale in float8 e4m3, as a share of what it was rounded to: NNCF's NVFP4 chooses the codes by the scale that it rounds to that type afterwards."""


class IrConstants:
    """The Const layers of a model as tensors.

    Args:
        source: The .xml.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._weights: Source | None = None

    def place(self, layer: IrLayer, name: str) -> Tensor | Skip:
        """A constant as stored.

        Raises:
            CheckpointError: If the .bin is missing, or does not hold it.
        """
        element_type = layer.data.get("element_type", "")
        dtype = DTYPES.get(element_type)
        if dtype is None:
            reason = f"OpenVINO element type {element_type[:40] or 'none'} is not read"
            return Skip(name, reason, is_weight=True)
        where = format_tensor_place(self.source, name)
        shape = check_shape(_parse_numbers(layer.data.get("shape", ""), where), where)
        place_text = f"{layer.data.get('offset', '')},{layer.data.get('size', '')}"
        offset, size = _parse_numbers(place_text, where, count=2)
        if self._weights is None:
            self._weights = open_data_file(self.source, f"{self.source.stem}.bin")
        return place_tensor(self._weights, (offset, offset + size), name, dtype, shape)

    def merge(self, layer: IrLayer, scaling: WeightScaling, name: str) -> Tensor | Skip:
        """The weight that codes stand for.

        Raises:
            CheckpointError: Like `place`.
        """
        codes = self.place(layer, name)
        if isinstance(codes, Skip):
            return codes
        element_type = layer.data.get("element_type", "")
        parts = self._place_parts(codes, scaling, element_type)
        if parts is None or not are_scales(parts.scale) or not parts.spreads():
            return Skip(name, "its scale or zero point does not fit it", is_weight=True)
        bits = SUB_BYTE_BITS.get(codes.dtype, 8 * max(codes.nbytes // max(codes.size, 1), 1))
        shape = self._find_final_shape(codes, scaling)
        dtype, scheme = f"openvino_{element_type}", f"OpenVINO, {element_type}"
        data = describe_block_codes(parts, shape, dtype, scheme, bits)
        return Tensor(name, shape, dtype, data, codes.nbytes + parts.scale.nbytes)

    def _place_parts(
        self, codes: Tensor, scaling: WeightScaling, element_type: str
    ) -> BlockCodes | None:
        """The codes with their scale, zero point and table; None where one of them cannot be read."""
        parts = {layer.id: self.place(layer, codes.name) for layer in scaling.iter_parts()}
        tensors = {key: part for key, part in parts.items() if isinstance(part, Tensor)}
        if len(tensors) < len(parts):
            return None
        table: Array | None = None
        if scaling.codebook is not None:
            codebook = tensors[scaling.codebook.id]
            if not 1 < codebook.size <= MAX_CODEBOOK:
                return None
            table = codebook.numpy().astype(np.float32).reshape(-1)
        elif element_type == "nf4":
            table = np.asarray(NF4_VALUES, np.float32)
        elif element_type == "f4e2m1":
            table = make_fp4_table()
        scale, rounding = tensors[scaling.scales[0].id], None
        for layer in scaling.scales[1:]:
            scale, rounding = _multiply_scales(scale, tensors[layer.id]), FLOAT8_ROUNDING
        zero = tensors[scaling.zero.id] if scaling.zero is not None else None
        return BlockCodes(codes, scale, zero, table, rounding)

    def _find_final_shape(self, codes: Tensor, scaling: WeightScaling) -> Shape:
        """The shape of the weight: a Reshape behind the scaling joins groups."""
        if scaling.shape is None:
            return codes.shape
        target = self.place(scaling.shape, codes.name)
        if isinstance(target, Skip) or not 0 < target.size <= len(codes.shape):
            return codes.shape
        sides = [int(side) for side in target.numpy().reshape(-1)]
        sides = [codes.shape[axis] if side == 0 else side for axis, side in enumerate(sides)]
        known = prod(side for side in sides if side > 0)
        if sides.count(-1) == 1 and known and codes.size % known == 0:
            sides = [codes.size // known if side < 0 else side for side in sides]
        fits = min(sides) > 0 and prod(sides) == codes.size
        return tuple(sides) if fits else codes.shape


def _multiply_scales(first: Tensor, second: Tensor) -> Tensor:
    """The product of two scales, read when it is asked for; the first alone where they do not fit each other."""

    def multiply() -> Array:
        return np.asarray(first.numpy().astype(np.float32) * second.numpy().astype(np.float32))

    if spreads_over(second.shape, first.shape):
        shape = first.shape
    elif spreads_over(first.shape, second.shape):
        shape = second.shape
    else:
        return first
    return Tensor(first.name, shape, "float32", DecodedData(multiply), first.nbytes + second.nbytes)


def _parse_numbers(text: str, where: str, count: int | None = None) -> list[int]:
    """Whole numbers with commas between them.

    Raises:
        CheckpointError: If there is something else in the text, or not `count` numbers.
    """
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    are_numbers = all(word.isascii() and word.isdigit() and len(word) < 20 for word in words)
    if not are_numbers or (count is not None and len(words) != count):
        raise CheckpointError(
            "has a shape, an offset or a size that is no number",
            where=where,
            found=text[:60] or "nothing",
            hint="the file is damaged: fetch it again",
        )
    return [int(word) for word in words]
