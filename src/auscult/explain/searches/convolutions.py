"""A convolution read from its module, and run again as each of several mistakes would run it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
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
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "convolutions"
MODES: tuple[ops.PaddingMode, ...] = ("zeros", "reflect", "replicate", "circular")
COMPARED_FIELDS = ("stride", "left", "right", "dilation", "mode", "layout", "bias")
PROBE_CHANNELS = 2
"""Output channels by which most mistakes are ruled out.

Chosen, not measured."""


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


def describe_layout(layout: str) -> str:
    """What a kernel in this order of axes is, as a sentence's predicate."""
    if layout.startswith("exchanged"):
        return f"has input and output channels {layout}"
    return f"is {layout}"


@dataclass(frozen=True, eq=False)
class ConvolutionTrial:
    """A convolution whose attributes and weights give the reference's output, ready to be run as a mistake would run it.

    Attributes:
        signal: Input [batch, in, time] in float64.
        restore_layout: Takes an output [batch, out, time] to the axis order of the place.
        probe: The candidate's output, of the first channels alone where its rank is the input's.
        energy: Of the candidate's whole output.
    """

    reference: Convolution
    signal: Array
    kernel: Array
    bias: Array | None
    restore_layout: Callable[[Array], Array]
    expected: Array
    probe: Array
    energy: float
    limit: float

    def iter_fitting(self, variants: Iterable[Convolution]) -> Iterator[tuple[Convolution, float]]:
        """Those of the variants that give the candidate's output, each with its residual."""
        for variant in variants:
            if self._is_ruled_out(variant):
                continue
            prediction = variant(self.signal, self.kernel, self.bias)
            if prediction is None:
                continue
            prediction = self.restore_layout(prediction)
            if prediction.shape != self.expected.shape:
                continue
            residual = relative_error(prediction, self.expected)
            if residual <= self.limit:
                yield variant, residual

    def _is_ruled_out(self, variant: Convolution) -> bool:
        """Whether the first channels alone are too far from the candidate's."""
        if self.reference.groups != 1:
            return False
        part = variant(self.signal, self.kernel, self.bias, outputs=PROBE_CHANNELS)
        return part is not None and bound_relative_error(part, self.probe, self.energy) > self.limit

    def to_explanation(
        self, cause: str, variant: Convolution, residual: float, message: str
    ) -> Explanation:
        """The explanation of a place by another convolution."""
        unequal = [
            name
            for name in COMPARED_FIELDS
            if getattr(self.reference, name) != getattr(variant, name)
        ]
        parameters = {
            side: {name: getattr(convolution, name) for name in unequal}
            for side, convolution in (("reference", self.reference), ("candidate", variant))
        }
        arguments = [
            f"{name}={getattr(self.reference, name)!r}"
            for name in unequal
            if name not in {"layout", "bias"}
        ]
        fix = ", ".join(arguments) or "load the weight as the layer stores it"
        return Explanation(cause, parameters, residual, message, fix=fix)


@run_once_per_case
def read_convolution(case: LayerCase, floor: float) -> ConvolutionTrial | None:
    """The convolution at this place; None where it is none, or its attributes do not give the reference's output."""
    weight, x = case.weights.get("weight"), case.input
    if case.role != "output" or weight is None or weight.ndim != 3 or x is None or x.ndim != 3:
        return None
    reference = _read_attributes(case, weight)
    channels_first, restore_layout = _to_channels_first(x, reference, weight)
    signal, kernel = to_float64(channels_first), to_float64(weight)
    bias = case.weights.get("bias")
    if bias is not None:
        bias = to_float64(bias)
    output = reference(signal, kernel, bias)
    if output is None or relative_error(
        restore_layout(output), to_float64(case.reference)
    ) > get_reference_limit(case):
        return None
    expected = probe = to_float64(case.candidate)
    if expected.ndim == x.ndim:
        probe = restore_layout(expected)[:, :PROBE_CHANNELS]
    return ConvolutionTrial(
        reference,
        signal,
        kernel,
        bias,
        restore_layout,
        expected,
        probe,
        compute_energy(case.candidate),
        get_candidate_limit(case, floor),
    )


def iter_other_layouts(trial: ConvolutionTrial) -> Iterator[Convolution]:
    """The kernel read in each other order of axes that keeps its shape; reversed in time alone is no other order."""
    is_square = trial.kernel.shape[0] == trial.kernel.shape[1]
    for layout in LAYOUTS:
        if layout in ("", "flipped") or (layout.startswith("exchanged") and not is_square):
            continue
        yield replace(trial.reference, layout=layout)


def is_causal(variant: Convolution, reference: Convolution) -> bool:
    """Whether all of the reference's padding is put on the left."""
    return (
        variant.left == reference.left + reference.right
        and variant.right == 0
        and reference.right > 0
        and not reference.transposed
    )


def describe_padding(convolution: Convolution) -> str:
    """How much is padded (or cut off a transposed convolution) on either side."""
    amount = f"{convolution.left} left and {convolution.right} right"
    if convolution.transposed:
        return amount
    return f"{amount} with {convolution.mode}"


def _read_attributes(case: LayerCase, weight: Array) -> Convolution:
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


def _to_channels_first(
    x: Array, conv: Convolution, weight: Array
) -> tuple[Array, Callable[[Array], Array]]:
    """x as [batch, channels, time], and the way back for the output."""
    channels = weight.shape[0] if conv.transposed else weight.shape[1] * conv.groups
    if x.shape[1] == channels:
        return x, lambda y: y
    return x.swapaxes(1, 2), lambda y: y.swapaxes(1, 2)
