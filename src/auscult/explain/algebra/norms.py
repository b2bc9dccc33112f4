"""Normalisation layers in NumPy: what a module of known class and attributes gives, and every convention that it could have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from auscult.explain.algebra.layers import normalise_axes
from auscult.weights import Array, ModuleInfo

NORM_TYPE_PATTERN = re.compile(r"norm", re.IGNORECASE)
EPSILONS = (0.0, 1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
GAIN_NAMES, SHIFT_NAMES = ("weight", "gamma", "scale", "g"), ("bias", "beta", "shift", "b")
"""What norms call their gain and shift."""
NormKind = Literal[
    "layer", "group", "instance", "batch", "batch-statistics", "batch-fresh", "rms", "unit"
]


@dataclass(frozen=True)
class NormConvention:
    """One convention.

    Attributes:
        kind: What is normalised over: `layer` the channels of a frame; `group` a group of channels over time; `instance` a
            channel over time; `batch` stored statistics; `batch-statistics` those of this batch; `batch-fresh` those that a
            constructor leaves, mean 0 and variance 1; `rms` like layer but without
            the mean; `unit` like rms but divided by the length of the vector, not its rms.
        axis: Channels.
        groups: Of a group norm.
        strided: Whether group g holds the channels g, g + groups, ... (as MLX does unless `pytorch_compatible`), or neighbours.
        outside: Whether eps is added to the deviation rather than to the variance.
        ddof: 1 for the unbiased variance.
        affine: Whether gain and bias are applied.
    """

    kind: NormKind
    axis: int
    eps: float = 1e-5
    groups: int = 1
    strided: bool = False
    outside: bool = False
    ddof: int = 0
    affine: bool = True

    def __call__(self, x: Array, weights: Mapping[str, Array]) -> Array | None:
        """The output for x in float64; None where x or the weights do not fit."""
        channels = x.shape[self.axis]
        y = self._normalise_only(x, weights)
        if y is None or not self.affine:
            return y
        for names, join in ((GAIN_NAMES, np.multiply), (SHIFT_NAMES, np.add)):
            weight = next((weights[name] for name in names if name in weights), None)
            if weight is not None:
                if weight.size != channels:
                    return None
                y = join(y, _reshape_along_axis(weight, y.ndim, self.axis))
        return y

    def _normalise_only(self, x: Array, weights: Mapping[str, Array]) -> Array | None:
        axis, time = (
            self.axis % x.ndim,
            tuple(a for a in range(1, x.ndim) if a != self.axis % x.ndim),
        )
        options: dict[str, Any] = {"outside": self.outside, "ddof": self.ddof}
        if self.kind in ("layer", "rms"):
            return normalise_axes(x, (axis,), self.eps, centre=self.kind == "layer", **options)
        if self.kind == "unit":
            return np.asarray(
                normalise_axes(x, (axis,), self.eps, centre=False, **options)
                / np.sqrt(x.shape[axis])
            )
        if self.kind == "instance":
            if time:
                return normalise_axes(x, time, self.eps, **options)
            return None
        if self.kind == "batch-statistics":
            return normalise_axes(x, (0, *time), self.eps, **options)
        if self.kind == "batch-fresh":
            if "running_var" not in weights:
                return None
            return np.asarray(x / np.sqrt(1 + self.eps))
        if self.kind == "batch":
            mean, variance = weights.get("running_mean"), weights.get("running_var")
            if mean is None or variance is None or mean.size != x.shape[axis]:
                return None
            return np.asarray(
                (x - _reshape_along_axis(mean, x.ndim, axis))
                / np.sqrt(_reshape_along_axis(variance, x.ndim, axis) + self.eps)
            )
        return self._normalise_groups(x, axis, options)

    def _normalise_groups(self, x: Array, axis: int, options: Mapping[str, Any]) -> Array | None:
        if x.shape[axis] % self.groups:
            return None
        group_size = x.shape[axis] // self.groups
        first = np.moveaxis(x, axis, 1)
        grouped_x = first.reshape(
            x.shape[0],
            *((group_size, self.groups) if self.strided else (self.groups, group_size)),
            *first.shape[2:],
        )
        reduced_axes = tuple(a for a in range(1, grouped_x.ndim) if a != (2 if self.strided else 1))
        return np.moveaxis(
            normalise_axes(grouped_x, reduced_axes, self.eps, **options).reshape(first.shape),
            1,
            axis,
        )


def _reshape_along_axis(values: Array, rank: int, axis: int) -> Array:
    side = [1] * rank
    side[axis] = -1
    return values.astype(np.float64).reshape(side)


def apply_written_norm(module: ModuleInfo, weights: Mapping[str, Array], x: Array) -> Array | None:
    """What that module should give for x, by its class and attributes; None where it is none of the usual norms."""
    norm = norm_from_module(module, weights, x)
    if norm is None:
        return None
    return norm(x, weights)


def invert_batch_norm(module: ModuleInfo, weights: Mapping[str, Array], y: Array) -> Array | None:
    """What a batch norm in evaluation mode took, from what it gave; None of another norm, or where a gain of zero hides it."""
    x = y.astype(np.float64)
    norm = norm_from_module(module, weights, x)
    mean, variance = weights.get("running_mean"), weights.get("running_var")
    if (
        norm is None
        or norm.kind != "batch"
        or mean is None
        or variance is None
        or mean.size != x.shape[norm.axis]
    ):
        return None
    gain, shift = (
        weights.get("weight", np.ones(mean.size)),
        weights.get("bias", np.zeros(mean.size)),
    )
    if not np.all(gain):
        return None
    mean, variance, gain, shift = (
        _reshape_along_axis(values, x.ndim, norm.axis) for values in (mean, variance, gain, shift)
    )
    return np.asarray((x - shift) / gain * np.sqrt(variance + norm.eps) + mean)


def norm_from_module(
    module: ModuleInfo, weights: Mapping[str, Array], x: Array
) -> NormConvention | None:
    """The convention that a module's class and attributes name."""
    kind = module.type.lower()
    channels = next(
        (
            weights[name].size
            for name in (*GAIN_NAMES, *SHIFT_NAMES, "running_mean")
            if name in weights
        ),
        None,
    )
    is_channel_first = channels is None or (
        x.ndim > 2 and x.shape[1] == channels and x.shape[-1] != channels
    )
    eps = float(module.attributes.get("eps") or 1e-5)
    if "group" in kind:
        return NormConvention(
            "group",
            1 if is_channel_first else -1,
            eps,
            groups=int(module.attributes.get("num_groups") or 1),
        )
    if "instance" in kind:
        return NormConvention("instance", 1 if is_channel_first else -1, eps)
    if "batch" in kind:
        return NormConvention("batch", 1 if is_channel_first else -1, eps)
    if "rms" in kind:
        return NormConvention("rms", -1, eps)
    if "layer" in kind:
        return NormConvention("layer", 1 if is_channel_first and channels is not None else -1, eps)
    return None


def iter_norm_conventions(x: Array, groups: tuple[int, ...] = ()) -> Iterator[NormConvention]:
    """Every convention that could be applied to x, with the default eps."""
    for axis in dict.fromkeys((1 if x.ndim > 2 else x.ndim - 1, x.ndim - 1)):
        base_norms = [
            NormConvention("layer", axis),
            NormConvention("rms", axis),
            NormConvention("unit", axis),
            NormConvention("layer", axis, ddof=1),
        ]
        base_norms += [
            NormConvention("batch", axis),
            NormConvention("batch-statistics", axis),
            NormConvention("batch-fresh", axis),
        ]
        if x.ndim > 2:
            base_norms.append(NormConvention("instance", axis))
        for count in groups:
            base_norms += [
                NormConvention("group", axis, groups=count),
                NormConvention("group", axis, groups=count, strided=True),
            ]
        for norm in base_norms:
            for affine in (True, False):
                yield replace(norm, affine=affine)
                if norm.kind in ("layer", "rms"):
                    yield replace(norm, affine=affine, outside=True)
