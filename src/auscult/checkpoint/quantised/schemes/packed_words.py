"""GPTQ, AWQ and compressed-tensors: integers packed into int32 words, with a scale for each group.

| quantiser | words | scales | zero points | value |
|---|---|---|---|---|
| GPTQ | `x.qweight` (in / per word, out) | `x.scales` (groups, out) | `x.qzeros`, stored less 1 | (code - zero) * scale |
| GPTQ v2 | the same | the same | `x.qzeros` as they are | (code - zero) * scale |
| AWQ | `x.qweight` (in, out / 8), columns in the order 0 2 4 6 1 3 5 7 | `x.scales` (groups, out) | `x.qzeros` | (code - zero) * scale |
| compressed-tensors | `x.weight_packed` (out, in / per word) | `x.weight_scale` (out, groups) | `x.weight_zero_point` | (code - 2 ** (bits - 1) - zero) * scale |

The weight of the model is (out, in). `x.g_idx` gives the group of each input of GPTQ. Whether zero
points are stored less 1 is said by `checkpoint_format` in config.json. Sources: AutoGPTQ
qlinear_cuda_old, GPTQModel, AutoAWQ packing_utils, compressed_tensors pack_quantized.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from auscult.checkpoint.quantised import MergedWeight, SchemeContext
from auscult.checkpoint.quantised.bits import unpack_bits, unpack_words
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows, are_scales, get_rounding
from auscult.checkpoint.quantised.config import find_quantisation
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Tensor

NAME = "packed words"
CHECKED_WITH = ("auto-gptq 0.7.1", "autoawq 0.2.9", "compressed-tensors 0.20.1")
BITS = (2, 3, 4, 8)
AWQ_COLUMNS = (0, 2, 4, 6, 1, 3, 5, 7)
BOUND_STEPS = 1.01
"""Largest error in steps of rounding to the nearest code with a rounded zero point."""
GPTQ_BOUND_STEPS = 8.0
"""GPTQ moves later weights to make up for the errors of earlier ones. Chosen, not measured."""
GPTQ_RMS_SHARE = 0.25
"""Largest rms error as a share of that bound: two steps. Chosen, not measured."""

Unpacked = tuple[Array, Array, Array]
"""Codes, zero points and scales, each (out, in)."""


def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]:
    """Weights in words, under the names of one of the three."""
    for name in list(parts):
        if parts[name].dtype != "int32" or len(parts[name].shape) != 2 or not parts[name].size:
            continue
        if name.endswith(".qweight"):
            weight = _find_transposed(parts, name.removesuffix(".qweight"), context)
        elif name.endswith(".weight_packed"):
            weight = _find_compressed(parts, name.removesuffix(".weight_packed"))
        else:
            weight = None
        if weight is not None:
            yield weight


def _find_transposed(
    parts: Mapping[str, Tensor], layer: str, context: SchemeContext
) -> MergedWeight | None:
    """GPTQ or AWQ, told apart by the axis that is packed."""
    words, zeros, scales = (parts.get(f"{layer}.{key}") for key in ("qweight", "qzeros", "scales"))
    if words is None or zeros is None or scales is None or len(scales.shape) != 2:
        return None
    if not are_scales(scales):
        return None
    groups, outputs = scales.shape
    names = [words.name, zeros.name, scales.name]
    if words.shape[1] * 8 == outputs and zeros.shape == (groups, words.shape[1]):
        if words.shape[0] % groups:
            return None
        data = _describe_awq(words, zeros, scales)
        return MergedWeight(f"{layer}.weight", data, tuple(names))
    group_index = parts.get(f"{layer}.g_idx")
    bits = _find_gptq_bits(words, zeros, scales, group_index)
    if bits is None:
        return None
    if group_index is not None:
        names.append(group_index.name)
    declared = find_quantisation(context.config)
    is_v2 = declared.get("checkpoint_format") == "gptq_v2"
    note = None
    if not declared:
        note = f"{layer}: zero points read as stored less 1 (GPTQ v1); config.json would tell"
    zero_offset = 0 if is_v2 else 1
    data = _describe_gptq(GptqParts(words, zeros, scales, group_index), bits, zero_offset)
    return MergedWeight(f"{layer}.weight", data, tuple(names), note)


def _find_gptq_bits(
    words: Tensor, zeros: Tensor, scales: Tensor, group_index: Tensor | None
) -> int | None:
    """Bits of a code, from how many words a column of zero points has; None where they do not fit."""
    groups, outputs = scales.shape
    if words.shape[1] != outputs or zeros.shape[0] != groups or len(zeros.shape) != 2:
        return None
    bits = zeros.shape[1] * 32 // outputs
    inputs = words.shape[0] * 32 // max(bits, 1)
    if bits not in BITS or (group_index is not None and group_index.size != inputs):
        return None
    return bits


@dataclass(frozen=True)
class GptqParts:
    """The tensors of one layer."""

    words: Tensor
    zeros: Tensor
    scales: Tensor
    group_index: Tensor | None


def _describe_gptq(parts: GptqParts, bits: int, zero_offset: int) -> CodedWeight:
    words, zeros, scales, group_index = parts.words, parts.zeros, parts.scales, parts.group_index
    inputs, outputs = words.shape[0] * 32 // bits, words.shape[1]
    group = -(-inputs // scales.shape[0])

    def unpack() -> Unpacked:
        codes = unpack_bits(np.ascontiguousarray(words.numpy().T), bits)[:, :inputs]
        zero_codes = unpack_bits(zeros.numpy(), bits)[:, :outputs].astype(np.float32) + zero_offset
        if group_index is None:
            places = np.arange(inputs) // group
        else:
            places = group_index.numpy().astype(np.int64)
            if places.min() < 0 or places.max() >= scales.shape[0]:
                raise CheckpointError(
                    "names groups that have no scale",
                    where=group_index.name,
                    expected=f"groups 0 to {scales.shape[0] - 1}",
                    found=f"{places.min()} to {places.max()}",
                )
        return codes, zero_codes[places].T, scales.numpy().astype(np.float32)[places].T

    decode = _make_decoder(unpack, scales.dtype, GPTQ_BOUND_STEPS)
    shape = (outputs, inputs)
    return CodedWeight(shape, f"gptq_int{bits}", "GPTQ", bits, group, decode, GPTQ_RMS_SHARE)


def _describe_awq(words: Tensor, zeros: Tensor, scales: Tensor) -> CodedWeight:
    inputs, outputs = words.shape[0], scales.shape[1]
    group = inputs // scales.shape[0]
    order = np.argsort(AWQ_COLUMNS)

    def unpack_columns(packed: Tensor) -> Array:
        codes = unpack_words(packed.numpy(), 4)[..., order]
        return codes.reshape(packed.shape[0], outputs)

    def unpack() -> Unpacked:
        zero_codes = np.repeat(unpack_columns(zeros), group, axis=0)
        steps = np.repeat(scales.numpy().astype(np.float32), group, axis=0)
        return unpack_columns(words).T, zero_codes.T, steps.T

    decode = _make_decoder(unpack, scales.dtype, BOUND_STEPS)
    return CodedWeight((outputs, inputs), "awq_int4", "AWQ", 4, group, decode)


def _find_compressed(parts: Mapping[str, Tensor], layer: str) -> MergedWeight | None:
    """compressed-tensors' `pack-quantized`; `x.weight_shape` says how long a row is."""
    words, scales = parts[f"{layer}.weight_packed"], parts.get(f"{layer}.weight_scale")
    shape_tensor = parts.get(f"{layer}.weight_shape")
    if scales is None or shape_tensor is None or shape_tensor.size != 2 or len(scales.shape) != 2:
        return None
    if not are_scales(scales) or shape_tensor.dtype not in ("int32", "int64"):
        return None
    outputs, inputs = (int(side) for side in shape_tensor.numpy())
    if inputs < 1:
        return None
    bits = words.shape[1] * 32 // inputs
    if bits not in BITS or words.shape[0] != outputs or scales.shape[0] != outputs:
        return None
    zeros = parts.get(f"{layer}.weight_zero_point")
    if zeros is not None and not _fit_zero_points(zeros, scales, bits):
        return None
    names = [words.name, scales.name, shape_tensor.name]
    names += [tensor.name for tensor in (zeros,) if tensor is not None]
    group = -(-inputs // scales.shape[1])

    def unpack() -> Unpacked:
        codes = unpack_bits(words.numpy(), bits)[:, :inputs]
        steps = np.repeat(scales.numpy().astype(np.float32), group, axis=1)[:, :inputs]
        offsets = np.full_like(steps, 2.0 ** (bits - 1))
        if zeros is not None:
            offsets = _unpack_zero_points(zeros, bits, outputs, group)[:, :inputs]
        return codes, offsets, steps

    decode = _make_decoder(unpack, scales.dtype, BOUND_STEPS)
    kind = f"compressed_int{bits}"
    data = CodedWeight((outputs, inputs), kind, "compressed-tensors", bits, group, decode)
    return MergedWeight(f"{layer}.weight", data, tuple(names))


def _fit_zero_points(zeros: Tensor, scales: Tensor, bits: int) -> bool:
    """Whether there is one for each scale: a word holds several, plain ones have the scales' shape."""
    if zeros.dtype != "int32":
        return zeros.shape == scales.shape
    rows, groups = scales.shape
    return zeros.shape == (-(-rows * bits // 32), groups)


def _unpack_zero_points(zeros: Tensor, bits: int, outputs: int, group: int) -> Array:
    """(out, in), with the offset of the codes: packed along the rows in int32, or plain int8."""
    if zeros.dtype == "int32":
        codes = unpack_bits(np.ascontiguousarray(zeros.numpy().T), bits).T[:outputs]
        return np.repeat(codes.astype(np.float32), group, axis=1)
    return np.repeat(zeros.numpy().astype(np.float32) + 2.0 ** (bits - 1), group, axis=1)


def _make_decoder(
    unpack: Callable[[], Unpacked], scale_dtype: str, bound_steps: float
) -> Callable[[int, int], DecodedRows]:
    rounding = get_rounding(scale_dtype)

    def decode(first: int, last: int) -> DecodedRows:
        codes, zeros, steps = (part[first:last] for part in unpack())
        values = (codes.astype(np.float32) - zeros) * steps
        return DecodedRows(values, bound_steps * np.abs(steps) + rounding * np.abs(values))

    return decode
