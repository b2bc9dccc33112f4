"""A convolution with another dilation, stride, padding or border, or with its kernel laid out otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.nearness import (
    bound_relative_error,
    compute_energy,
    relative_error,
    to_float64,
)
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = (
    "dilation",
    "stride-padding",
    "padding-mode",
    "layout-conv1d",
    "layout-conv-transpose1d",
    "bias-missing",
    "kernel-flipped",
)
MODES: tuple[ops.PaddingMode, ...] = ("zeros", "reflect", "replicate", "circular")
DILATIONS = (1, 2, 3, 4, 5, 6, 8, 9, 12, 16)
MAX_SHIFT = 3
PROBE_CHANNELS = 2
"""Output channels by which most mistakes are ruled out."""


@dataclass(frozen=True)
class Convolution:
    """How a convolution is applied; for a transposed one, `left` and `right` are cut off."""

    transposed: bool
    stride: int
    left: int
    right: int
    dilation: int = 1
    groups: int = 1
    mode: ops.PaddingMode = "zeros"
    layout: str = ""
    bias: bool = True

    def __call__(
        self, x: Array, weight: Array, bias: Array | None, *, outputs: int | None = None
    ) -> Array | None:
        """[batch, in, time] -> [batch, out, time], of its first `outputs` channels; None where that is no legal convolution."""
        weight, used_bias = LAYOUTS[self.layout](weight), bias if self.bias else None
        if outputs is not None:
            weight = weight[:, :outputs] if self.transposed else weight[:outputs]
            used_bias = None if used_bias is None else used_bias[:outputs]
        if self.transposed:
            full = ops.conv_transpose1d(
                x, weight, used_bias, stride=self.stride, groups=self.groups
            )
            if self.right >= 0:
                return full[..., self.left : full.shape[-1] - self.right]
            return np.pad(full[..., self.left :], [(0, 0), (0, 0), (0, -self.right)])
        padded = ops.pad_time(x, self.left, self.right, self.mode)
        if padded is None or padded.shape[-1] < (weight.shape[-1] - 1) * self.dilation + 1:
            return None
        return ops.conv1d(
            padded,
            weight,
            used_bias,
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
        )


LAYOUTS: dict[str, Any] = {
    "": lambda w: w,
    "flipped": lambda w: w[..., ::-1],
    "exchanged": lambda w: w.swapaxes(0, 1),
    "exchanged and flipped": lambda w: w.swapaxes(0, 1)[..., ::-1],
    # the two that follow keep the shape only where the channels are square, or the kernel is as long as a side
    "read as (in, kernel, out)": lambda w: w.transpose(0, 2, 1).reshape(w.shape),
    "read as (kernel, in, out)": lambda w: w.transpose(2, 0, 1).reshape(w.shape),
}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    weight, x = case.weights.get("weight"), case.input
    if case.role != "output" or weight is None or weight.ndim != 3 or x is None or x.ndim != 3:
        return
    reference = _read_convolution(case, weight)
    if reference is None:
        return
    channels_first, restore_layout = _to_channels_first(x, reference, weight)
    bias = case.weights.get("bias")
    signal, kernel, real_bias = (
        to_float64(channels_first),
        to_float64(weight),
        None if bias is None else to_float64(bias),
    )
    reference_output = reference(signal, kernel, real_bias)
    if reference_output is None or relative_error(
        restore_layout(reference_output), to_float64(case.reference)
    ) > get_reference_limit(case):
        return
    limit = get_candidate_limit(case, floor)
    candidate_output, candidate_energy = to_float64(case.candidate), compute_energy(case.candidate)
    if candidate_output.ndim == x.ndim:
        expected_part = restore_layout(candidate_output)[:, :PROBE_CHANNELS]
    else:
        expected_part = candidate_output
    for candidate in _iter_mistakes(reference, kernel):
        if reference.groups == 1:
            partial_output = candidate(signal, kernel, real_bias, outputs=PROBE_CHANNELS)
        else:
            partial_output = None
        if (
            partial_output is not None
            and bound_relative_error(partial_output, expected_part, candidate_energy) > limit
        ):
            continue
        prediction = candidate(signal, kernel, real_bias)
        if prediction is None or restore_layout(prediction).shape != case.candidate.shape:
            continue
        residual = relative_error(restore_layout(prediction), candidate_output)
        if residual <= limit:
            yield _build_explanation(reference, candidate, residual)


def _read_convolution(case: LayerCase, weight: Array) -> Convolution | None:
    """The convolution that the module's attributes describe."""
    attributes, kernel = case.module.attributes, weight.shape[-1]
    transposed = "transpose" in case.module.type.lower()
    stride, dilation, groups = (
        _first_int(attributes.get(name), 1) for name in ("stride", "dilation", "groups")
    )
    padding = attributes.get("padding", 0)
    if padding in ("same", "valid"):
        total = (kernel - 1) * dilation if padding == "same" else 0
        left, right = total // 2, total - total // 2
    else:
        left = right = _first_int(padding, 0)
    if transposed:
        return Convolution(
            True,
            stride,
            left,
            left - _first_int(attributes.get("output_padding"), 0),
            dilation,
            groups,
        )
    mode = attributes.get("padding_mode", "zeros")
    return Convolution(
        False, stride, left, right, dilation, groups, mode if mode in MODES else "zeros"
    )


def _first_int(value: Any, default: int) -> int:
    if isinstance(value, tuple | list):
        value = value[0] if value else default
    if isinstance(value, int):
        return int(value)
    return default


def _to_channels_first(x: Array, conv: Convolution, weight: Array) -> tuple[Array, Any]:
    """x as [batch, channels, time], and the way back for the output."""
    channels = weight.shape[0] if conv.transposed else weight.shape[1] * conv.groups
    if x.shape[1] == channels:
        return x, lambda y: y
    return x.swapaxes(1, 2), lambda y: y.swapaxes(1, 2)


def _iter_mistakes(reference: Convolution, weight: Array) -> Iterator[Convolution]:
    """Convolutions that differ in one respect, the simplest first."""
    kernel = weight.shape[-1]
    if reference.bias:
        yield replace(reference, bias=False)
    if not reference.transposed:
        yield from (replace(reference, mode=mode) for mode in MODES if mode != reference.mode)
        for dilation in DILATIONS:
            if dilation != reference.dilation:
                growth = (kernel - 1) * (dilation - reference.dilation)
                yield replace(reference, dilation=dilation)
                yield replace(
                    reference,
                    dilation=dilation,
                    left=reference.left + growth // 2,
                    right=reference.right + growth - growth // 2,
                )
    is_square = weight.shape[0] == weight.shape[1]
    for layout in LAYOUTS:
        if layout and (is_square or not layout.startswith("exchanged")):
            yield replace(reference, layout=layout)
    yield from _iter_shifted(reference, kernel)


def _iter_shifted(reference: Convolution, kernel: int) -> Iterator[Convolution]:
    reach = max(MAX_SHIFT, reference.left, reference.right, (kernel - 1) * reference.dilation // 2)
    for left_shift, right_shift in product(range(-reach, reach + 1), repeat=2):
        if (left_shift, right_shift) != (0, 0) and reference.left + left_shift >= 0:
            yield replace(
                reference, left=reference.left + left_shift, right=reference.right + right_shift
            )
    if not reference.transposed:  # all of the padding on the left (causal) with another border
        total = reference.left + reference.right
        for mode in MODES[1:]:
            yield replace(reference, left=total, right=0, mode=mode)
    for stride in range(1, 11):
        if stride != reference.stride:
            yield replace(reference, stride=stride)


def _build_explanation(
    reference: Convolution, candidate: Convolution, residual: float
) -> Explanation:
    names = ("stride", "left", "right", "dilation", "mode", "layout", "bias")
    unequal = [name for name in names if getattr(reference, name) != getattr(candidate, name)]
    parameters = {
        side: {n: getattr(conv, n) for n in unequal}
        for side, conv in (("reference", reference), ("candidate", candidate))
    }
    cause, message = _choose_cause(reference, candidate)
    return Explanation(
        cause,
        parameters,
        residual,
        message,
        fix=_describe_fix(reference, unequal),
        complexity=2 if candidate.layout and candidate.left != reference.left else 1,
    )


def _choose_cause(reference: Convolution, candidate: Convolution) -> tuple[str, str]:
    if candidate.layout:
        if candidate.layout == "flipped":
            return "kernel-flipped", "its kernel runs backwards in time"
        name = "layout-conv-transpose1d" if reference.transposed else "layout-conv1d"
        return name, f"its kernel is {candidate.layout}"
    if not candidate.bias:
        return "bias-missing", "it does not add the bias"
    if candidate.dilation != reference.dilation:
        return (
            "dilation",
            f"its dilation is {candidate.dilation}, the reference's {reference.dilation}",
        )
    is_causal = (
        candidate.left == reference.left + reference.right
        and candidate.right == 0
        and reference.right > 0
        and not reference.transposed
    )
    if candidate.mode != reference.mode or is_causal:
        return (
            "padding-mode",
            f"it pads {_describe_padding(candidate)}, the reference {_describe_padding(reference)}",
        )
    if candidate.stride != reference.stride:
        return (
            "stride-padding",
            f"its stride is {candidate.stride}, the reference's {reference.stride}",
        )
    verb = "cuts" if reference.transposed else "pads"
    return (
        "stride-padding",
        f"it {verb} {_describe_padding(candidate)}, the reference {_describe_padding(reference)}: a shift of {candidate.left - reference.left} frames",
    )


def _describe_padding(conv: Convolution) -> str:
    return f"{conv.left} left and {conv.right} right" + (
        "" if conv.transposed else f" with {conv.mode}"
    )


def _describe_fix(reference: Convolution, unequal: list[str]) -> str:
    return (
        ", ".join(
            f"{name}={getattr(reference, name)!r}"
            for name in unequal
            if name not in {"layout", "bias"}
        )
        or "load the weight as the layer stores it"
    )
