"""A convolution with another dilation, stride, padding or border, or with its kernel laid out otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.nearness import energy, error, least_error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
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
PROBE = 2
"""Output channels by which most mistakes are ruled out."""


@dataclass(frozen=True)
class Conv:
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
        weight, held = LAYOUTS[self.layout](weight), bias if self.bias else None
        if outputs is not None:
            weight = weight[:, :outputs] if self.transposed else weight[:outputs]
            held = None if held is None else held[:outputs]
        if self.transposed:
            full = ops.conv_transpose1d(x, weight, held, stride=self.stride, groups=self.groups)
            return (
                full[..., self.left : full.shape[-1] - self.right]
                if self.right >= 0
                else np.pad(full[..., self.left :], [(0, 0), (0, 0), (0, -self.right)])
            )
        padded = ops.pad(x, self.left, self.right, self.mode)
        if padded is None or padded.shape[-1] < (weight.shape[-1] - 1) * self.dilation + 1:
            return None
        return ops.conv1d(
            padded, weight, held, stride=self.stride, dilation=self.dilation, groups=self.groups
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
    right = _as_written(case, weight)
    if right is None:
        return
    turned, back = _channel_first(x, right, weight)
    bias = case.weights.get("bias")
    wide, kernel, shift = real(turned), real(weight), None if bias is None else real(bias)
    given = right(wide, kernel, shift)
    if given is None or error(back(given), real(case.reference)) > reference_limit(case):
        return
    limit = candidate_limit(case, floor)
    wanted, whole = real(case.candidate), energy(case.candidate)
    probe = back(wanted)[:, :PROBE] if wanted.ndim == x.ndim else wanted
    for got in _mistakes(right, kernel):
        part = got(wide, kernel, shift, outputs=PROBE) if right.groups == 1 else None
        if part is not None and least_error(part, probe, whole) > limit:
            continue
        made = got(wide, kernel, shift)
        if made is None or back(made).shape != case.candidate.shape:
            continue
        residual = error(back(made), wanted)
        if residual <= limit:
            yield _told(right, got, residual)


def _as_written(case: LayerCase, weight: Array) -> Conv | None:
    """The convolution that the module's attributes describe."""
    attributes, kernel = case.module.attributes, weight.shape[-1]
    transposed = "transpose" in case.module.type.lower()
    stride, dilation, groups = (
        _first(attributes.get(name), 1) for name in ("stride", "dilation", "groups")
    )
    padding = attributes.get("padding", 0)
    if padding in ("same", "valid"):
        total = (kernel - 1) * dilation if padding == "same" else 0
        left, right = total // 2, total - total // 2
    else:
        left = right = _first(padding, 0)
    if transposed:
        return Conv(
            True, stride, left, left - _first(attributes.get("output_padding"), 0), dilation, groups
        )
    mode = attributes.get("padding_mode", "zeros")
    return Conv(False, stride, left, right, dilation, groups, mode if mode in MODES else "zeros")


def _first(value: Any, default: int) -> int:
    if isinstance(value, tuple | list):
        value = value[0] if value else default
    return int(value) if isinstance(value, int) else default


def _channel_first(x: Array, conv: Conv, weight: Array) -> tuple[Array, Any]:
    """x as [batch, channels, time], and the way back for the output."""
    channels = weight.shape[0] if conv.transposed else weight.shape[1] * conv.groups
    if x.shape[1] == channels:
        return x, lambda y: y
    return x.swapaxes(1, 2), lambda y: y.swapaxes(1, 2)


def _mistakes(right: Conv, weight: Array) -> Iterator[Conv]:
    """Convolutions that differ in one respect, the simplest first."""
    kernel = weight.shape[-1]
    if right.bias:
        yield replace(right, bias=False)
    if not right.transposed:
        yield from (replace(right, mode=mode) for mode in MODES if mode != right.mode)
        for dilation in DILATIONS:
            if dilation != right.dilation:
                grown = (kernel - 1) * (dilation - right.dilation)
                yield replace(right, dilation=dilation)
                yield replace(
                    right,
                    dilation=dilation,
                    left=right.left + grown // 2,
                    right=right.right + grown - grown // 2,
                )
    square = weight.shape[0] == weight.shape[1]
    for layout in LAYOUTS:
        if layout and (square or not layout.startswith("exchanged")):
            yield replace(right, layout=layout)
    yield from _shifted(right, kernel)


def _shifted(right: Conv, kernel: int) -> Iterator[Conv]:
    reach = max(MAX_SHIFT, right.left, right.right, (kernel - 1) * right.dilation // 2)
    for left, end in product(range(-reach, reach + 1), repeat=2):
        if (left, end) != (0, 0) and right.left + left >= 0:
            yield replace(right, left=right.left + left, right=right.right + end)
    if not right.transposed:  # all of the padding on the left (causal) with another border
        total = right.left + right.right
        for mode in MODES[1:]:
            yield replace(right, left=total, right=0, mode=mode)
    for stride in range(1, 11):
        if stride != right.stride:
            yield replace(right, stride=stride)


def _told(right: Conv, got: Conv, residual: float) -> Explanation:
    names = ("stride", "left", "right", "dilation", "mode", "layout", "bias")
    unequal = [name for name in names if getattr(right, name) != getattr(got, name)]
    parameters = {
        side: {n: getattr(conv, n) for n in unequal}
        for side, conv in (("reference", right), ("candidate", got))
    }
    cause, says = _cause(right, got)
    return Explanation(
        cause,
        parameters,
        residual,
        says,
        fix=_fix(right, unequal),
        complexity=2 if got.layout and got.left != right.left else 1,
    )


def _cause(right: Conv, got: Conv) -> tuple[str, str]:  # noqa: PLR0911 - one per mistake
    if got.layout:
        if got.layout == "flipped":
            return "kernel-flipped", "its kernel runs backwards in time"
        name = "layout-conv-transpose1d" if right.transposed else "layout-conv1d"
        return name, f"its kernel is {got.layout}"
    if not got.bias:
        return "bias-missing", "it does not add the bias"
    if got.dilation != right.dilation:
        return "dilation", f"its dilation is {got.dilation}, the reference's {right.dilation}"
    causal = (
        got.left == right.left + right.right
        and got.right == 0
        and right.right > 0
        and not right.transposed
    )
    if got.mode != right.mode or causal:
        return "padding-mode", f"it pads {_padding(got)}, the reference {_padding(right)}"
    if got.stride != right.stride:
        return "stride-padding", f"its stride is {got.stride}, the reference's {right.stride}"
    verb = "cuts" if right.transposed else "pads"
    return (
        "stride-padding",
        f"it {verb} {_padding(got)}, the reference {_padding(right)}: a shift of {got.left - right.left} frames",
    )


def _padding(conv: Conv) -> str:
    return f"{conv.left} left and {conv.right} right" + (
        "" if conv.transposed else f" with {conv.mode}"
    )


def _fix(right: Conv, unequal: list[str]) -> str:
    return (
        ", ".join(
            f"{name}={getattr(right, name)!r}" for name in unequal if name not in {"layout", "bias"}
        )
        or "load the weight as the layer stores it"
    )
