"""Quantised weights of an ONNX model: integers whose scales the graph hands to the operator that takes them.

| operator | integers | scale |
|---|---|---|
| DequantizeLinear, QLinear..., QGemm, QAttention, ... | an input | the input beside it: one number, or one along an axis |
| DequantizeLinear with `block_size`, GatherBlockQuantized | an input | one for each block along an axis |
| DynamicQuantizeLSTM | W and R, [directions, in, 4 * hidden] | one for each direction, or for each of its columns too |
| QLinearConv, QGemm: the bias | int32 | the input's scale times the weight's |
| MatMulNBits | 2, 4 or 8 bits, packed, [out, blocks, bytes] | [out, blocks], zero points packed likewise |
| MatMulInteger, ConvInteger | `x_quantized` | `x_scale`, `x_zero_point`, by name alone |

Sources: https://onnx.ai/onnx/operators/, https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from auscult.checkpoint.quantised.bits import unpack_bits
from auscult.checkpoint.quantised.blockwise import BlockGrid, make_affine_weight
from auscult.checkpoint.quantised.coded import CodedWeight, are_scales
from auscult.weights import Array, Quantization, Tensor, TensorData

QUANTIZED_SUFFIX = "_quantized"
WRITER = "ONNX"
CODE_LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int2": (-2, 1),
    "uint2": (0, 3),
}
CODE_BITS = {"int8": 8, "uint8": 8, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2}


@dataclass(frozen=True)
class OperatorNode:
    """A node of a graph.

    Attributes:
        op: Type of the operator, without its domain.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def get_integer(self, name: str, default: int) -> int:
        """An attribute that is an integer; the default where it is not there or something else."""
        value = self.attributes.get(name)
        return value if isinstance(value, int) else default


class ScaledInput(NamedTuple):
    """Places of integers, their scale and their zero point; the axis of several scales if no attribute says it."""

    stored: int
    scale: int
    zero: int
    axis: int


SCALED_INPUTS: Mapping[str, tuple[ScaledInput, ...]] = {
    "DequantizeLinear": (ScaledInput(0, 1, 2, 1),),
    "QLinearConv": (ScaledInput(3, 4, 5, 0),),
    "QLinearConvTranspose": (ScaledInput(3, 4, 5, 1),),
    "QLinearMatMul": (ScaledInput(3, 4, 5, -1), ScaledInput(0, 1, 2, -2)),
    "QLinearAdd": (ScaledInput(3, 4, 5, -1), ScaledInput(0, 1, 2, -1)),
    "QLinearMul": (ScaledInput(3, 4, 5, -1), ScaledInput(0, 1, 2, -1)),
    "QGemm": (ScaledInput(3, 4, 5, -1), ScaledInput(0, 1, 2, -1)),
    "QAttention": (ScaledInput(1, 4, 7, -1),),
    "MatMulIntegerToFloat": (ScaledInput(1, 3, 5, -1),),
    "DynamicQuantizeMatMul": (ScaledInput(1, 2, 3, -1),),
    "DynamicQuantizeLSTM": (ScaledInput(1, 8, 9, 0), ScaledInput(2, 10, 11, 0)),
}
BIAS_INPUTS = {"QLinearConv": 8, "QLinearConvTranspose": 8, "QGemm": 6}
"""The operator's int32 bias, whose scale is that of input 1 times that of input 4."""
Consumers = Mapping[str, Sequence[tuple[OperatorNode, int]]]


class BlockedWeight(NamedTuple):
    """A weight in blocks, and the names of its scales and zero points."""

    data: CodedWeight
    parts: tuple[str, ...]


def read_quantised(tensors: Mapping[str, Tensor], consumers: Consumers) -> dict[str, Tensor]:
    """The tensors with the scales of quantised weights; those of weights in blocks are no tensors of their own any more."""
    result = dict(tensors)
    graph = _Graph(tensors, consumers)
    for name, tensor in tensors.items():
        blocks = graph.find_blocks(name)
        if blocks is not None:
            result[name] = replace(
                tensor,
                shape=blocks.data.shape,
                dtype=blocks.data.dtype,
                data=blocks.data,
                storage=None,
            )
            for part in blocks.parts:
                if len(consumers.get(part, ())) == 1:
                    result.pop(part, None)
            continue
        quantization = graph.find_quantization(tensor)
        if quantization is not None:
            result[name] = replace(tensor, quantization=quantization)
    return result


@dataclass(frozen=True)
class _Graph:
    tensors: Mapping[str, Tensor]
    consumers: Consumers

    def get_input(self, node: OperatorNode, place: int) -> Tensor | None:
        """The constant that a node has at an input."""
        if place >= len(node.inputs):
            return None
        return self.tensors.get(node.inputs[place])

    def has_input(self, node: OperatorNode, place: int) -> bool:
        """Whether something, constant or not, is at an input."""
        return place < len(node.inputs) and bool(node.inputs[place])

    def find_quantization(self, tensor: Tensor) -> Quantization | None:
        """Scale and zero point that its operator has, else those beside it by name."""
        for node, place in self.consumers.get(tensor.name, ()):
            if BIAS_INPUTS.get(node.op) == place:
                return self._multiply_scales(tensor, node)
            for entry in SCALED_INPUTS.get(node.op, ()):
                if entry.stored == place and not node.get_integer("block_size", 0):
                    affine = self._read_scales(tensor, node, entry)
                    if affine is not None:
                        return affine
        return self._find_by_name(tensor)

    def _read_scales(
        self, tensor: Tensor, node: OperatorNode, entry: ScaledInput
    ) -> Quantization | None:
        scale, zero = self.get_input(node, entry.scale), self.get_input(node, entry.zero)
        if zero is None and self.has_input(node, entry.zero):
            return None
        axis = node.get_integer("axis", entry.axis)
        if node.op == "QGemm" and entry.stored == 3 and node.get_integer("transB", 0):
            axis = 0
        return _build_quantization(tensor, scale, zero, axis)

    def _multiply_scales(self, bias: Tensor, node: OperatorNode) -> Quantization | None:
        input_scale, weight_scale = self.get_input(node, 1), self.get_input(node, 4)
        if input_scale is None or weight_scale is None or bias.dtype != "int32":
            return None
        scale = input_scale.numpy().reshape(-1) * weight_scale.numpy().reshape(-1)
        if scale.size not in (1, bias.size):
            return None
        return Quantization(scale, np.zeros(1, np.int32), 0 if scale.size > 1 else None)

    def _find_by_name(self, tensor: Tensor) -> Quantization | None:
        """ONNX Runtime's dynamic quantisation multiplies integers and scales the product: only names hold the three together."""
        stem = tensor.name.removesuffix(QUANTIZED_SUFFIX)
        if stem == tensor.name or tensor.dtype not in ("int8", "uint8"):
            return None
        scale, zero = (self.tensors.get(f"{stem}{end}") for end in ("_scale", "_zero_point"))
        return _build_quantization(tensor, scale, zero, None)

    def find_blocks(self, name: str) -> BlockedWeight | None:
        """The weight in blocks whose integers have that name."""
        for node, place in self.consumers.get(name, ()):
            if node.op in ("DequantizeLinear", "GatherBlockQuantized") and place == 0:
                return self._read_blocks(name, node)
            if node.op == "MatMulNBits" and place == 1:
                return self._read_packed_matrix(name, node)
            if node.op == "DynamicQuantizeLSTM" and place in (1, 2):
                return self._read_recurrent(name, node, place)
        return None

    def _read_blocks(self, name: str, node: OperatorNode) -> BlockedWeight | None:
        is_gather = node.op == "GatherBlockQuantized"
        scale_place, axis_name = (2, "quantize_axis") if is_gather else (1, "axis")
        codes, scale = self.tensors[name], self.get_input(node, scale_place)
        zero = self.get_input(node, scale_place + 1)
        length, axis = node.get_integer("block_size", 0), node.get_integer(axis_name, 1)
        rank = len(codes.shape)
        if length < 1 or scale is None or codes.dtype not in CODE_LIMITS:
            return None
        if (zero is None and self.has_input(node, scale_place + 1)) or not -rank <= axis < rank:
            return None
        grid = BlockGrid.cut(codes.shape, axis % rank, length)
        parts = node.inputs[scale_place : scale_place + 2]
        return _make_blocks(codes.data, codes.dtype, grid, (scale, zero), parts)

    def _read_recurrent(self, name: str, node: OperatorNode, place: int) -> BlockedWeight | None:
        """Columns of [directions, in, 4 * hidden] with a scale each; one for each direction is an axis like others."""
        codes, scale_place = self.tensors[name], 8 + 2 * (place - 1)
        scale, zero = self.get_input(node, scale_place), self.get_input(node, scale_place + 1)
        if scale is None or len(codes.shape) != 3 or codes.dtype not in CODE_LIMITS:
            return None
        if scale.size != codes.shape[0] * codes.shape[2]:
            return None
        grid = BlockGrid.cut(codes.shape, 1, codes.shape[1])
        parts = node.inputs[scale_place : scale_place + 2]
        return _make_blocks(codes.data, codes.dtype, grid, (scale, zero), parts)

    def _read_packed_matrix(self, name: str, node: OperatorNode) -> BlockedWeight | None:
        codes, scale, zero = (
            self.tensors[name],
            self.get_input(node, 2),
            self.get_input(node, 3),
        )
        sides = [node.get_integer(key, 0) for key in ("N", "K", "block_size")]
        bits = node.get_integer("bits", 4)
        if min(sides) < 1 or bits not in (2, 4, 8) or codes.dtype != "uint8" or scale is None:
            return None
        if (zero is None and self.has_input(node, 3)) or self.has_input(node, 4):
            return None
        rows, columns, length = sides
        grid = BlockGrid.cut((rows, columns), 1, length)
        block_bytes = length * bits // 8
        if codes.size != rows * grid.blocks[1] * block_bytes or not are_scales(scale):
            return None
        packed = PackedRows(codes.data, bits, (rows, columns), grid.blocks[1] * block_bytes)
        zeros = _read_packed_zeros(zero, grid.blocks, bits)
        if zeros is None or scale.size != rows * grid.blocks[1]:
            return None
        data = make_affine_weight(
            packed,
            grid,
            scale.numpy().reshape(grid.blocks),
            zeros,
            limits=(0, (1 << bits) - 1),
            bits=bits,
            writer=WRITER,
        )
        return BlockedWeight(data, tuple(node.inputs[2:4]))


@dataclass(frozen=True)
class PackedRows:
    """Codes of a matrix [rows, columns] whose rows are packed by themselves, the lowest bits first.

    Attributes:
        row_bytes: With the padding of the last block.
    """

    stored: TensorData
    bits: int
    shape: tuple[int, int]
    row_bytes: int

    def array(self) -> Array:
        """[rows, columns]."""
        return self.flat(0, self.shape[0] * self.shape[1]).reshape(self.shape)

    def flat(self, start: int, stop: int) -> Array:
        """Codes of whole rows."""
        columns = self.shape[1]
        first, last = start // columns, stop // columns
        raw = self.stored.flat(first * self.row_bytes, last * self.row_bytes)
        codes = unpack_bits(raw.reshape(last - first, self.row_bytes), self.bits)
        return codes[:, :columns].reshape(-1)


def _read_packed_zeros(zero: Tensor | None, blocks: tuple[int, ...], bits: int) -> Array | None:
    """[rows, blocks]: zero points of MatMulNBits, packed by rows or plain numbers; the middle code where there are none."""
    rows, count = blocks
    if zero is None:
        return np.full(blocks, 1 << (bits - 1), np.float32)
    if zero.dtype != "uint8" and zero.size == rows * count:
        return zero.numpy().reshape(blocks)
    row_bytes = -(-count * bits // 8)
    if zero.dtype != "uint8" or zero.size != rows * row_bytes:
        return None
    return unpack_bits(zero.numpy().reshape(rows, row_bytes), bits)[:, :count]


def _make_blocks(
    codes: TensorData,
    dtype: str,
    grid: BlockGrid,
    numbers: tuple[Tensor, Tensor | None],
    parts: Sequence[str],
) -> BlockedWeight | None:
    scale, zero = numbers
    size = int(np.prod(grid.blocks))
    if scale.size != size or not are_scales(scale) or (zero is not None and zero.size != size):
        return None
    data = make_affine_weight(
        codes,
        grid,
        scale.numpy().reshape(grid.blocks),
        None if zero is None else zero.numpy().reshape(grid.blocks),
        limits=CODE_LIMITS[dtype],
        bits=CODE_BITS[dtype],
        writer=WRITER,
    )
    return BlockedWeight(data, tuple(parts))


def _build_quantization(
    stored: Tensor, scale: Tensor | None, zero: Tensor | None, axis: int | None
) -> Quantization | None:
    """The quantisation that these constants describe, if they fit the tensor; without an axis, the one as long as the scale."""
    if scale is None:
        return None
    if axis is None:
        fitting = [position for position, side in enumerate(stored.shape) if side == scale.size]
        if len(stored.shape) == 2 and fitting:
            axis = fitting[-1]
        else:
            axis = next(iter(fitting), 0)
    axis += len(stored.shape) if axis < 0 else 0
    axis_length = stored.shape[axis] if 0 <= axis < len(stored.shape) else 1
    if scale.size not in (1, axis_length) or (
        zero is not None and zero.size not in (1, scale.size)
    ):
        return None
    zeros = zero.numpy() if zero is not None else np.zeros(1, np.int32)
    return Quantization(scale.numpy(), zeros, axis if scale.size > 1 else None)
