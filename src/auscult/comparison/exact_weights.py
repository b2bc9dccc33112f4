"""Find the weight that an 8-bit weight was rounded from, among those of the reference.

Every value lies within half a step of what it was rounded from. Another weight does not: of two that were drawn alike, most
values lie many steps apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from auscult.runtime.runner import Runner
from auscult.weights import Array

MAX_STEPS_OFF = 0.52
"""How far the exact weight may lie from its grid point, in steps; rounding to the nearest gives 0.5.

Chosen, not measured.
"""
MAX_CLIPPED_SHARE = 0.02
"""Share of the values that may lie further off: a range that is chosen for least error clips some.

Chosen, not measured.
"""
MAX_FLOAT_ROUNDINGS = 4
"""Roundings of float32 that a value may be off besides: the steps of a bias in 32 bits are as small.

Chosen, not measured.
"""
SCREENED_LENGTH = 12
"""Values along each axis that are looked at before all of them are.

Chosen, not measured.
"""
MAX_NEAR_NORMS = 8
"""Norms, the nearest in the order of definition, whose gain may have been folded into a weight.

Chosen, not measured.
"""
FLOAT_NAMES = frozenset(("float16", "bfloat16", "float32", "float64"))
ONNX_GATES = (0, 3, 1, 2)
"""The gates of torch's LSTM (input, forget, cell, output) in ONNX's order (input, output, forget, cell)."""


@dataclass(frozen=True)
class WeightForm:
    """A weight of the reference, times a gain that broadcasts with it; a bias, with a norm's shift besides."""

    weight: Array
    gain: Array | None = None
    shift: Array | None = None

    def compute(self) -> Array:
        """The weight as an exporter writes it."""
        values = self.weight if self.gain is None else self.weight * self.gain
        written: Array = values if self.shift is None else values + self.shift
        return written.astype(np.float32)

    def take_corner(self) -> WeightForm:
        """Its first values along each axis."""
        corner = tuple(slice(SCREENED_LENGTH) for _ in self.weight.shape)
        gain, shift = (
            None if values is None else values[corner] for values in (self.gain, self.shift)
        )
        return WeightForm(self.weight[corner], gain, shift)


class ExactWeights:
    """The weights of a reference, as they are and as exporters rewrite them.

    Attributes:
        restored, kept: Names of the candidate's weights whose exact values were found, and of the others.
    """

    def __init__(self, runner: Runner | None) -> None:
        self._forms: dict[tuple[int, ...], list[WeightForm]] = {}
        self.restored: list[str] = []
        self.kept: list[str] = []
        forms = iter(()) if runner is None else _iter_forms(runner)
        for form in forms:
            self._forms.setdefault(_get_long_axes(form.weight.shape), []).append(form)

    def restore(self, name: str, rounded: Array, step: Array) -> Array:
        """The weight that was rounded, in the candidate's order of axes; the rounded one where there is none.

        Args:
            step: The distance of two neighbours on the grid, in a shape that broadcasts with the weight's.
        """
        steps = np.broadcast_to(step, rounded.shape)
        corner = tuple(slice(SCREENED_LENGTH) for _ in rounded.shape)
        for form in self._forms.get(_get_long_axes(rounded.shape), ()):
            corner_form = form.take_corner().compute()
            for order in _iter_orders(form.weight.shape, rounded.shape):
                screened = corner_form.squeeze().transpose(order).reshape(rounded[corner].shape)
                if not _is_within_half_step(screened, rounded[corner], steps[corner]):
                    continue
                exact = form.compute().squeeze().transpose(order).reshape(rounded.shape)
                if _is_within_half_step(exact, rounded, steps):
                    self.restored.append(name)
                    return np.ascontiguousarray(exact, dtype=np.float32)
        self.kept.append(name)
        return rounded


def _is_within_half_step(exact: Array, rounded: Array, steps: Array) -> bool:
    float_rounding = MAX_FLOAT_ROUNDINGS * np.finfo(np.float32).eps * np.abs(exact)
    is_off = np.abs(exact - rounded) > MAX_STEPS_OFF * steps + float_rounding
    return bool(np.mean(is_off) <= MAX_CLIPPED_SHARE)


def _get_long_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(length for length in shape if length != 1))


def _iter_orders(exact: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The orders of axes that give a shape; axes of length one come and go."""
    squeezed = [length for length in exact if length != 1]
    long_axes = [length for length in shape if length != 1]
    for order in permutations(range(len(squeezed))):
        if [squeezed[axis] for axis in order] == long_axes:
            yield order


def _iter_forms(runner: Runner) -> Iterator[WeightForm]:
    """Every weight and bias, LSTM matrices in ONNX's order of gates too; then those with a norm folded in."""
    owned = {path: runner.weights(path) for path in runner.paths()}
    gains: dict[int, Array] = {}
    shifts: dict[int, Array] = {}
    for place, path in enumerate(owned):
        gain = _find_gain(runner, path, owned[path])
        if gain is not None:
            gains[place] = gain
            shifts[place] = _find_shift(owned[path], gain)
    folded: list[WeightForm] = []
    for place, arrays in enumerate(owned.values()):
        for name, array in arrays.items():
            if array.dtype.name not in FLOAT_NAMES or not array.ndim:
                continue
            yield WeightForm(array)
            if array.ndim < 2:
                continue
            yield from _iter_recurrent_forms(name, arrays)
            bias = arrays.get("bias")
            for other in _list_nearest(gains, place):
                folded += _iter_folded(array, gains[other])
                folded += _iter_folded_bias(bias, gains[other], shifts[other])
    yield from folded


def _list_nearest(places: Iterable[int], here: int) -> list[int]:
    return sorted(places, key=lambda place: abs(place - here))[:MAX_NEAR_NORMS]


def _find_gain(runner: Runner, path: str, arrays: Mapping[str, Array]) -> Array | None:
    """What a norm multiplies its channels by when it runs: with its variance, where that is fixed."""
    info = runner.module(path)
    if "norm" not in info.type.lower():
        return None
    gain = arrays.get("weight")
    variance = arrays.get("running_var")
    if variance is not None:
        epsilon = float(info.attributes.get("eps", 1e-5))
        root: Array = np.sqrt(variance.astype(np.float32) + epsilon)
        return (1.0 if gain is None else gain) / root
    if gain is None or gain.ndim != 1:
        return None
    return gain


def _find_shift(arrays: Mapping[str, Array], gain: Array) -> Array:
    """What a norm adds to its channels when it runs."""
    bias, mean = arrays.get("bias"), arrays.get("running_mean")
    shift: Array = np.zeros_like(gain) if bias is None else bias
    return shift if mean is None else shift - mean * gain


def _iter_folded_bias(bias: Array | None, gain: Array, shift: Array) -> Iterator[WeightForm]:
    """The bias of a layer with a norm behind it; a layer without one gets the norm's shift."""
    if bias is None:
        yield WeightForm(shift)
    elif bias.shape == gain.shape:
        yield WeightForm(bias, gain, shift)


def _iter_folded(weight: Array, gain: Array) -> Iterator[WeightForm]:
    """The weight times the gain along each axis that has its length."""
    for axis in (0, 1):
        if weight.shape[axis] == gain.size:
            shape = [1] * weight.ndim
            shape[axis] = gain.size
            yield WeightForm(weight, np.broadcast_to(gain.reshape(shape), weight.shape))


def _iter_recurrent_forms(name: str, arrays: Mapping[str, Array]) -> Iterator[WeightForm]:
    """torch's LSTM matrix [4 * hidden, in] as ONNX has it, for one direction and for two."""
    if not name.startswith(("weight_ih", "weight_hh")) or name.endswith("_reverse"):
        return
    both = [arrays[key] for key in (name, f"{name}_reverse") if key in arrays]
    if both[0].shape[0] % len(ONNX_GATES):
        return
    turned = []
    for array in both:
        gates = np.split(array.astype(np.float32), len(ONNX_GATES))
        turned.append(np.concatenate([gates[gate] for gate in ONNX_GATES]))
    yield WeightForm(turned[0])
    if len(turned) > 1:
        yield WeightForm(np.stack(turned))
