"""Tensors that are no weights: counters, windows and tables that code computes anew, and parameters of a graph's operators."""

from __future__ import annotations

import re

from auscult.facts.operators import (
    BIAS_INPUTS,
    SCALE_INPUTS,
    WEIGHT_INPUTS,
    OperatorInputs,
    takes,
)
from auscult.rules.diff.evidence.tables import is_computed_table, is_quantised_table
from auscult.weights import Checkpoint, ModuleInfo, Tensor

_BOOKKEEPING_NAME = re.compile(
    r"(^|[._])(num_batches_tracked|initted|inited|is_initted|initialized|is_initialized|n_?steps?|steps?|global_?step|"
    r"num_updates|n_updates|update_count|iterations?|iters?|epochs?)$",
    re.IGNORECASE,
)
"""Flags and counters of trainings: BatchNorm's, ema_pytorch's (initted, step), LitEma's (num_updates), codebooks' (inited)."""
_BIAS_NAME = re.compile(r"(^|[._/])(bias\w*|beta|b_[ih]h\w*)$")


def is_bookkeeping(checkpoint: Checkpoint, name: str) -> bool:
    """Whether a tensor is one flag or one counter of a training: of that name, and a whole number.

    A learnt step size (of quantisers) is called `step` too; it is no whole number. So is the scale that torch's quantised
    modules give their outputs, which the float model has not.
    """
    tensor = checkpoint[name]
    if tensor.size != 1:
        return False
    if _is_output_scale(checkpoint, name):
        return True
    if not _BOOKKEEPING_NAME.search(name):
        return False
    return float(tensor.values().reshape(-1)[0]).is_integer()


def _is_output_scale(checkpoint: Checkpoint, name: str) -> bool:
    """Whether it is `scale` or `zero_point` of a module of torch.ao.nn.quantized, whose weights are packed or quantised."""
    module, _, leaf = name.rpartition(".")
    if leaf not in OUTPUT_SCALE_NAMES:
        return False
    weight = checkpoint.get(f"{module}.weight")
    if weight is not None and weight.quantization is not None:
        return True
    return any(other.startswith(f"{module}.{PACKED_WEIGHTS}") for other in checkpoint)


OUTPUT_SCALE_NAMES = ("scale", "zero_point")
PACKED_WEIGHTS = "_packed_params."
INTEGER_DTYPES = frozenset(("int64", "int32", "bool"))
SCALE_SUFFIXES = ("_scale", "_zero_point")
SCRIPT_FORMATS = frozenset(("torchscript",))
"""Formats of code without a graph of operators. Like a graph, they may declare a state that is empty before the first run."""


def is_operator_parameter(checkpoint: Checkpoint, name: str) -> bool:
    """Whether a tensor of a graph is a constant of its code and no weight: it was never trained, or does nothing.

    Integers that no scale belongs to and the scales of quantised weights are. What an operator takes as its matrix or filter
    is not, but for zeros in a Constant node, a state to start from. Of the rest: zeros, ones, single numbers that are no bias,
    tables that a formula gives, and Constant nodes where the file keeps its weights as parameters.
    """
    tensor = checkpoint[name]
    if tensor.size == 0:
        may_be_empty = checkpoint.is_graph or checkpoint.format in SCRIPT_FORMATS
        return may_be_empty or tensor.trainable is False
    if not checkpoint.is_graph:
        return False
    if _is_scale(checkpoint, name):
        return True
    operator = checkpoint.modules.get(name)
    is_code = _is_constant_node(operator) and _keeps_parameters_apart(checkpoint)
    if operator is not None and _is_taken_as(WEIGHT_INPUTS, operator):
        if tensor.quantization is not None:
            return False
        return tensor.dtype in INTEGER_DTYPES or (is_code and not bool(tensor.values().any()))
    is_bias = operator is not None and _is_taken_as(BIAS_INPUTS, operator)
    return _says_nothing(tensor, is_bias=is_bias, is_code=is_code)


def _says_nothing(tensor: Tensor, *, is_bias: bool, is_code: bool) -> bool:
    """Whether a constant that is no matrix or filter was never trained, or adds nothing."""
    if tensor.dtype in INTEGER_DTYPES and tensor.quantization is None:
        return True
    if not is_bias and (tensor.size == 1 or (is_code and tensor.quantization is None)):
        return True
    values = tensor.values()
    if is_bias:
        return not bool(values.any())
    if bool((values == 0).all() or (values == 1).all()):
        return True
    if tensor.quantization is not None:
        return is_quantised_table(tensor)
    return is_computed_table(values)


def is_zero_bias(checkpoint: Checkpoint, name: str) -> bool:
    """Whether a tensor is called a bias, has one axis, and adds nothing."""
    tensor = checkpoint[name]
    if not _BIAS_NAME.search(name) or tensor.size != max(tensor.shape, default=0):
        return False
    return tensor.size > 0 and not bool(tensor.values().any())


def _is_taken_as(inputs: OperatorInputs, operator: ModuleInfo) -> bool:
    return takes(inputs, operator.type, operator.attributes.get("input"))


def _is_constant_node(operator: ModuleInfo | None) -> bool:
    return operator is not None and bool(operator.attributes.get("constant"))


def _keeps_parameters_apart(checkpoint: Checkpoint) -> bool:
    """Whether some weight of the graph is no Constant node, so that these are of the code."""
    return any(
        _is_taken_as(WEIGHT_INPUTS, operator)
        for operator in checkpoint.modules.values()
        if not _is_constant_node(operator)
    )


def _is_scale(checkpoint: Checkpoint, name: str) -> bool:
    """Whether it is the scale or zero point of a weight, by its operator or by ONNX Runtime's names."""
    operator = checkpoint.modules.get(name)
    if operator is not None and _is_taken_as(SCALE_INPUTS, operator):
        return True
    for ending in SCALE_SUFFIXES:
        if name.endswith(ending):
            weight = checkpoint.get(name.removesuffix(ending) + "_quantized")
        else:
            weight = None
        if weight is not None and weight.quantization is not None:
            return True
    return False
