"""Which inputs of a graph's operators hold a weight, a bias or an initial state, by the operator's type.

Types are spelt as the readers spell them: `Conv` is ONNX's, `CONV_2D` LiteRT's, `conv` Core ML's, whose inputs
have names. Sources: https://onnx.ai/onnx/operators/, the kernels of LiteRT, coremltools' MIL operators.
"""

from __future__ import annotations

from collections.abc import Mapping

OperatorInputs = Mapping[str, frozenset[int | str]]

WEIGHT_INPUTS: OperatorInputs = {
    "Conv": frozenset((1,)),
    "ConvTranspose": frozenset((1,)),
    "ConvInteger": frozenset((1,)),
    "QLinearConv": frozenset((3,)),
    "Gemm": frozenset((0, 1)),
    "MatMul": frozenset((0, 1)),
    "MatMulInteger": frozenset((0, 1)),
    "QLinearMatMul": frozenset((0, 3)),
    "MatMulNBits": frozenset((1,)),
    "QLinearConvTranspose": frozenset((3,)),
    "QGemm": frozenset((0, 3)),
    "QAttention": frozenset((1,)),
    "MatMulIntegerToFloat": frozenset((1,)),
    "DynamicQuantizeMatMul": frozenset((1,)),
    "GatherBlockQuantized": frozenset((0,)),
    "FusedMatMul": frozenset((0, 1)),
    "FusedGemm": frozenset((0, 1)),
    "FusedConv": frozenset((1,)),
    "Einsum": frozenset((0, 1)),
    "LSTM": frozenset((1, 2)),
    "GRU": frozenset((1, 2)),
    "RNN": frozenset((1, 2)),
    "DynamicQuantizeLSTM": frozenset((1, 2)),
    "Gather": frozenset((0,)),
    "CONV_2D": frozenset((1,)),
    "DEPTHWISE_CONV_2D": frozenset((1,)),
    "CONV_3D": frozenset((1,)),
    "CONV_3D_TRANSPOSE": frozenset((1,)),
    "TRANSPOSE_CONV": frozenset((1,)),
    "FULLY_CONNECTED": frozenset((1,)),
    "BATCH_MATMUL": frozenset((0, 1)),
    "GATHER": frozenset((0,)),
    "EMBEDDING_LOOKUP": frozenset((1,)),
    "conv": frozenset(("weight",)),
    "conv_transpose": frozenset(("weight",)),
    "linear": frozenset(("weight",)),
    "matmul": frozenset(("x", "y")),
    "einsum": frozenset(("values",)),
    "gather": frozenset(("x",)),
    "lstm": frozenset(("weight_ih", "weight_hh", "weight_ih_back", "weight_hh_back")),
    "gru": frozenset(("weight_ih", "weight_hh")),
    "rnn": frozenset(("weight_ih", "weight_hh")),
}
"""Inputs that hold a matrix or a filter. A table that is gathered from is one."""

BIAS_INPUTS: OperatorInputs = {
    "Conv": frozenset((2,)),
    "ConvTranspose": frozenset((2,)),
    "QLinearConv": frozenset((8,)),
    "QLinearConvTranspose": frozenset((8,)),
    "QGemm": frozenset((6,)),
    "QAttention": frozenset((2,)),
    "MatMulNBits": frozenset((5,)),
    "DynamicQuantizeMatMul": frozenset((4,)),
    "MatMulIntegerToFloat": frozenset((6,)),
    "Gemm": frozenset((2,)),
    "FusedGemm": frozenset((2,)),
    "FusedConv": frozenset((2,)),
    "LSTM": frozenset((3,)),
    "GRU": frozenset((3,)),
    "RNN": frozenset((3,)),
    "DynamicQuantizeLSTM": frozenset((3,)),
    "LayerNormalization": frozenset((2,)),
    "InstanceNormalization": frozenset((2,)),
    "GroupNormalization": frozenset((2,)),
    "BatchNormalization": frozenset((2,)),
    "CONV_2D": frozenset((2,)),
    "DEPTHWISE_CONV_2D": frozenset((2,)),
    "CONV_3D": frozenset((2,)),
    "FULLY_CONNECTED": frozenset((2,)),
    "TRANSPOSE_CONV": frozenset((3,)),
    "conv": frozenset(("bias",)),
    "conv_transpose": frozenset(("bias",)),
    "linear": frozenset(("bias",)),
    "lstm": frozenset(("bias", "bias_back")),
    "gru": frozenset(("bias", "input_bias")),
    "rnn": frozenset(("bias",)),
    "layer_norm": frozenset(("beta",)),
    "batch_norm": frozenset(("beta",)),
    "instance_norm": frozenset(("beta",)),
}
"""Inputs that hold what is added to a layer's outputs."""

STATE_INPUTS: OperatorInputs = {
    "LSTM": frozenset((5, 6)),
    "GRU": frozenset((5,)),
    "RNN": frozenset((5,)),
    "DynamicQuantizeLSTM": frozenset((5, 6)),
    "lstm": frozenset(("initial_h", "initial_c")),
    "gru": frozenset(("initial_h",)),
    "rnn": frozenset(("initial_h",)),
}
"""Inputs that hold the state which a recurrent layer starts from."""

_BINARY_SCALES = frozenset((1, 2, 4, 5, 6, 7))
SCALE_INPUTS: OperatorInputs = {
    "DequantizeLinear": frozenset((1, 2)),
    "QuantizeLinear": frozenset((1, 2)),
    "QLinearConv": _BINARY_SCALES,
    "QLinearConvTranspose": _BINARY_SCALES,
    "QLinearMatMul": _BINARY_SCALES,
    "QLinearAdd": _BINARY_SCALES,
    "QLinearMul": _BINARY_SCALES,
    "QGemm": frozenset((1, 2, 4, 5, 7, 8)),
    "QAttention": frozenset((3, 4, 6, 7)),
    "MatMulIntegerToFloat": frozenset((2, 3, 4, 5)),
    "DynamicQuantizeMatMul": frozenset((2, 3)),
    "DynamicQuantizeLSTM": frozenset((8, 9, 10, 11)),
    "MatMulNBits": frozenset((2, 3, 4)),
    "GatherBlockQuantized": frozenset((2, 3)),
}
"""Inputs that hold scales and zero points of what the operator takes as integers.
Source: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md."""


def takes(inputs: OperatorInputs, operator: str, place: int | str | None) -> bool:
    """Whether the operator has that input in the table."""
    return place is not None and place in inputs.get(operator, ())
