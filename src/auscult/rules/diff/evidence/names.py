"""Tensors that are no weights: counters, windows and tables that code computes anew, and parameters of a graph's operators."""

from __future__ import annotations

import re

from auscult.weights import Checkpoint

_DERIVED_NAME = re.compile(
    r"(^|[._])(num_batches_tracked|position_ids|inv_freq|rotary_emb\.\w+|stft_window|trim_fade|rand_noise|"
    r"mel_(basis|filters?|fb|filterbank)|_?mel_filters|hann_window|window|filterbank|fbank|attn_mask|causal_mask|tril|"
    r"sin_cached|cos_cached|pos_enc\.pe|pe|freqs(_cis)?|mel_basis)$"
    r"|(upsample|downsample(\.lowpass)?)\.filter$|(^|\.)quantizer\..*\.inited$",
    re.IGNORECASE,
)


def is_derived(name: str) -> bool:
    """Whether a tensor of that name is computed by code or only counts, so that its absence loses nothing."""
    return bool(_DERIVED_NAME.search(name))


INITIAL_STATE_INPUTS = (5, 6)
"""Inputs of ONNX's LSTM and GRU that hold the state to start from."""
RECURRENT_OPERATORS = frozenset(("LSTM", "GRU", "RNN"))
SCALING_OPERATORS = frozenset(
    ("DequantizeLinear", "QuantizeLinear", "QLinearConv", "QLinearMatMul")
)
INTEGER_DTYPES = frozenset(("int64", "int32", "bool"))
SCALE_SUFFIXES = ("_scale", "_zero_point")
ARITHMETIC_OPERATORS = frozenset(
    ("ADD", "SUB", "MUL", "DIV", "POW", "CONCATENATION", "BUILTIN_55", "BUILTIN_57", "BUILTIN_123")
)
"""LiteRT's, where a single number is a constant of the code; the numbered ones are MAXIMUM, MINIMUM and SELECT_V2."""
BIASED_OPERATORS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "CONV_3D"))
BIAS_INPUT = 2
"""Input of these operators that is their bias."""


def is_operator_parameter(checkpoint: Checkpoint, name: str) -> bool:
    """Whether a tensor of a graph tells an operator what to do (axes, shapes, paddings, an exponent) and was never trained.

    Integers that no scale belongs to, single numbers and zeros that stand in the graph as Constant nodes, the initial state of a
    recurrent layer, and the scales of quantised weights, which are part of these.
    """
    if not checkpoint.is_graph or checkpoint[name].quantization is not None:
        return False
    tensor, operator = checkpoint[name], checkpoint.modules.get(name)
    if _is_scale(checkpoint, name):
        return True
    if operator is None:
        return tensor.dtype in INTEGER_DTYPES or tensor.size <= 1
    if (
        operator.type in RECURRENT_OPERATORS
        and operator.attributes.get("input") in INITIAL_STATE_INPUTS
    ):
        return not bool(tensor.values().any())
    if tensor.dtype in INTEGER_DTYPES:
        return True
    # LiteRT does not tell a constant of the code from a weight: a single number of arithmetic, and a bias that is all zero
    # because its operator wants one, are no weights
    is_single_constant = (
        bool(operator.attributes.get("constant")) or operator.type in ARITHMETIC_OPERATORS
    )
    is_zero_constant = bool(operator.attributes.get("constant")) or (
        operator.type in BIASED_OPERATORS and operator.attributes.get("input") == BIAS_INPUT
    )
    return (is_single_constant and tensor.size <= 1) or (
        is_zero_constant and not bool(tensor.values().any())
    )


def _is_scale(checkpoint: Checkpoint, name: str) -> bool:
    """Whether it is the scale or zero point of a weight, by its operator or by ONNX Runtime's names."""
    operator = checkpoint.modules.get(name)
    if operator is not None and operator.type in SCALING_OPERATORS:
        return bool(operator.attributes.get("input", 0))
    for ending in SCALE_SUFFIXES:
        if name.endswith(ending):
            weight = checkpoint.get(name.removesuffix(ending) + "_quantized")
        else:
            weight = None
        if weight is not None and weight.quantization is not None:
            return True
    return False
