"""MLX's affine quantisation: integers of 2 to 8 bits, with a scale and a bias for each group of a row.

`mlx.nn.quantize` replaces `x.weight` (out, in) by `x.weight` (out, in * bits / 32) in uint32 and
`x.scales`, `x.biases` (out, in / group); value = scale * integer + bias. The integers follow one
another from the lowest bit on. Source: mlx.core.quantize.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auscult.checkpoint.quantised import MergedWeight, SchemeContext
from auscult.checkpoint.quantised.bits import unpack_bits
from auscult.checkpoint.quantised.coded import (
    CodedWeight,
    DecodedRows,
    are_scales,
    get_rounding,
    read_rows,
    spread_groups,
)
from auscult.checkpoint.quantised.config import find_quantisation
from auscult.late import numpy as np
from auscult.weights import Tensor

NAME = "MLX affine"
CHECKED_WITH = ("MLX 0.32.4",)
BITS = (8, 6, 5, 4, 3, 2)
GROUP_SIZES = (32, 64, 128)
DEFAULT_GROUP_SIZE = 64
BOUND_STEPS = 1.5
"""Largest error in steps. MLX moves the scale so that 0 is a code: the other end of a group may lie
one step outside, and rounding adds half a step. Follows from mlx.core.quantize."""
RMS_SHARE = 0.35
"""Largest rms error as a share of the bound; 0.29 steps of rounding are 0.19. Chosen, not measured."""
MIN_ZERO_SHARE = 0.9
"""Share of the groups that hold the integer 0, from which on a packing is believed: MLX gives every
group's largest value that integer. Chosen, not measured."""
SAMPLE_GROUPS = 64

Packing = tuple[int, int]
"""Bits and group size."""


def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]:
    """Weights whose words, scales and biases lie beside each other."""
    declared = find_quantisation(context.config)
    for name in list(parts):
        found_parts = _find_parts(parts, name)
        if found_parts is None:
            continue
        words, scales, biases = found_parts
        packing, is_sure = _infer_packing(words, scales, _get_declared_packing(declared, name))
        if packing is None:
            continue
        note = None
        if not is_sure:
            note = (
                f"read as {packing[0]} bits in groups of {packing[1]}: the shapes fit others too;"
                " config.json would tell"
            )
        data = _describe_weight(words, scales, biases, packing)
        yield MergedWeight(name, data, (name, scales.name, biases.name), note)


def _find_parts(parts: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor, Tensor] | None:
    words = parts[name]
    if words.dtype != "uint32" or not name.endswith("weight") or len(words.shape) < 2:
        return None
    stem = name.removesuffix("weight")
    scales, biases = parts.get(stem + "scales"), parts.get(stem + "biases")
    if scales is None or biases is None or scales.shape != biases.shape:
        return None
    if not are_scales(scales, biases):
        return None
    if scales.shape[:-1] != words.shape[:-1] or 0 in words.shape or 0 in scales.shape:
        return None
    return words, scales, biases


def _get_declared_packing(declared: Mapping[str, object], name: str) -> Packing | None:
    """What `config.json` says, for this layer where it names it."""
    own = declared.get(name.removesuffix(".weight"))
    section = own if isinstance(own, dict) else declared
    bits, group = section.get("bits"), section.get("group_size")
    return (bits, group) if isinstance(bits, int) and isinstance(group, int) else None


def _infer_packing(
    words: Tensor, scales: Tensor, declared: Packing | None
) -> tuple[Packing | None, bool]:
    """Bits and group, and whether that is sure. The shapes tell only their product."""
    fitting = [
        (bits, group)
        for bits in BITS
        for group in GROUP_SIZES
        if words.shape[-1] * 32 == scales.shape[-1] * bits * group
    ]
    if declared in fitting:
        return declared, True
    if len(fitting) < 2:
        return (fitting[0] if fitting else None), True
    likely = [item for item in fitting if _measure_zero_share(words, *item) >= MIN_ZERO_SHARE]
    if likely:
        return likely[0], True
    usual = [item for item in fitting if item[1] == DEFAULT_GROUP_SIZE] or fitting
    return usual[0], False


def _measure_zero_share(words: Tensor, bits: int, group: int) -> float:
    """Share of the first groups that have the integer 0. Too many bits at a time seldom give one."""
    words_per_group = group * bits // 32
    sample = words.flat(0, min(words.size, SAMPLE_GROUPS * words_per_group))
    codes = unpack_bits(sample.reshape(-1, words_per_group), bits)
    return float((codes == 0).any(axis=1).mean())


def _describe_weight(
    words: Tensor, scales: Tensor, biases: Tensor, packing: Packing
) -> CodedWeight:
    bits, group = packing
    shape = (*words.shape[:-1], words.shape[-1] * 32 // bits)
    row_count = words.size // words.shape[-1]
    rounding = get_rounding(scales.dtype)

    def decode(first: int, last: int) -> DecodedRows:
        codes = unpack_bits(read_rows(words, first, last, row_count), bits).astype(np.float32)
        scale, bias = (
            spread_groups(read_rows(part, first, last, row_count).astype(np.float32), group)
            for part in (scales, biases)
        )
        scaled = codes * scale
        moved_by_rounding = rounding * (np.abs(scaled) + np.abs(bias))
        return DecodedRows(scaled + bias, BOUND_STEPS * np.abs(scale) + moved_by_rounding)

    return CodedWeight(shape, f"mlx_q{bits}", NAME, bits, group, decode, RMS_SHARE)
