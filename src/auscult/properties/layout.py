"""Which axis of which input is the batch, and along which one time runs; what a mask and a length are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from auscult.weights import Array, Shape

Kind = Literal["signal", "mask", "lengths", "relative lengths", "constant"]

LENGTHS_NAME = re.compile(r"(.*_)?(length|lengths|lens|len)$")
MASK_NAME = re.compile(r"(.*_)?mask$")
PADDING_MASK_NAME = re.compile(r"(.*_)?(padding_mask|attention_mask)$|mask|x_mask")
"""Names of masks that cover frames; other masks (`src_mask`, `mask_time_indices`) hold something else."""
INVERSE_MASK_NAME = re.compile(r"(.*_)?key_padding_mask$")
"""In torch, true means padding."""


@dataclass(frozen=True)
class InputLayout:
    """What one input is.

    Attributes:
        name: As the user gave it.
        parameter: The parameter of the model's forward that takes it.
        kind: `constant` does not change with the length of the main input.
        time_axes: Axes along which time runs.
        batch_axis: None where it has none.
    """

    name: str
    parameter: str
    kind: Kind
    time_axes: tuple[int, ...] = ()
    batch_axis: int | None = None


@dataclass(frozen=True)
class ModelLayout:
    """What the inputs and outputs of a model are.

    Attributes:
        main: Name of the input that the others go along with.
        frames: Its length in time.
        time_axis: Its axis of time; None where none was found.
        batch_axis: 0, or None where the main input has one axis.
        output_axes: Axis of time of each output that has one.
        ratio: Output frames for each frame of the input; 0 where no output has time.
        shorter: Length at which the axis of time was tried.
        main_output: Role of the output that is looked at where one has to stand for all.
    """

    inputs: Mapping[str, InputLayout]
    main: str
    frames: int
    time_axis: int | None = None
    batch_axis: int | None = 0
    output_axes: Mapping[str, int] = field(default_factory=dict)
    ratio: float = 0.0
    shorter: int = 0
    main_output: str = "output"

    @property
    def output_axis(self) -> int | None:
        """The axis of time of the main output."""
        return self.output_axes.get(self.main_output)

    def find_inputs_of(self, *kinds: Kind) -> list[InputLayout]:
        """Inputs of these kinds."""
        return [layout for layout in self.inputs.values() if layout.kind in kinds]


def choose_main_input(inputs: Mapping[str, Array], parameters: Mapping[str, str]) -> str:
    """The input that holds the signal: the first of floats with two axes or more, else the first with the most axes."""
    candidates = [name for name in inputs if not MASK_NAME.fullmatch(parameters[name])]
    candidates = candidates or list(inputs)
    for name in candidates:
        if inputs[name].dtype.kind in "fV" and inputs[name].ndim > 1:
            return name
    return max(candidates, key=lambda name: inputs[name].ndim)


def describe_inputs(
    inputs: Mapping[str, Array], parameters: Mapping[str, str], main: str, time_axis: int | None
) -> dict[str, InputLayout]:
    """The layout of every input, if time runs along that axis of the main one."""
    main_array = inputs[main]
    frames = main_array.shape[time_axis] if time_axis is not None else -1
    batch = main_array.shape[0] if main_array.ndim > 1 else -1
    described: dict[str, InputLayout] = {}
    for name, array in inputs.items():
        parameter = parameters[name]
        batch_axis = 0 if array.ndim and array.shape[0] == batch else None
        if name == main:
            described[name] = InputLayout(
                name, parameter, "signal", () if time_axis is None else (time_axis,), batch_axis
            )
        else:
            kind, axes = _classify_input(array, parameter, frames, batch_axis)
            described[name] = InputLayout(name, parameter, kind, axes, batch_axis)
    return described


def _classify_input(
    array: Array, parameter: str, frames: int, batch_axis: int | None
) -> tuple[Kind, tuple[int, ...]]:
    if array.ndim <= 1 and array.size and LENGTHS_NAME.fullmatch(parameter):
        if array.dtype.kind == "f" and float(array.max()) <= 1.0:
            return "relative lengths", ()
        if array.dtype.kind in "iu" and int(array.max()) == frames:
            return "lengths", ()
    first_axis = 0 if batch_axis is None else 1
    axes = tuple(axis for axis in range(first_axis, array.ndim) if array.shape[axis] == frames)
    if not axes:
        return "constant", ()
    if array.dtype.kind == "b" or MASK_NAME.fullmatch(parameter):
        return "mask", axes
    return "signal", axes[-1:]


def resize_inputs(
    inputs: Mapping[str, Array], layout: ModelLayout, frames: int, start: int = 0
) -> dict[str, Array]:
    """The inputs cut to `frames` frames from `start`, or lengthened behind with silence (`frames` > the length).

    A mask is lengthened with what means padding, a length stays what it was; both only where there is one.
    """
    resized: dict[str, Array] = {}
    for name, array in inputs.items():
        described = layout.inputs[name]
        if described.kind == "lengths":
            resized[name] = np.minimum(array, frames).astype(array.dtype)
            continue
        if described.kind == "relative lengths":
            resized[name] = (array * min(layout.frames / frames, 1.0)).astype(array.dtype)
            continue
        resized[name] = array
        for axis in described.time_axes:
            resized[name] = _resize_axis(
                resized[name], axis, frames, start, find_padding_value(described, array)
            )
    return resized


def _resize_axis(
    array: Array, axis: int, frames: int, start: int, padding: float | bool | int
) -> Array:
    cut = np.take(array, range(start, min(start + frames, array.shape[axis])), axis=axis)
    missing = frames - cut.shape[axis]
    if missing <= 0:
        return cut
    shape = list(cut.shape)
    shape[axis] = missing
    return np.concatenate([cut, np.full(shape, padding, array.dtype)], axis=axis)


def find_padding_value(described: InputLayout, array: Array) -> float | bool | int:
    """What stands in frames that are no signal: silence, the first id, or what a mask says of padding.

    A mask that covers the whole input with one value means signal by it; padding is the other value. Of an additive mask
    (0 for signal) padding is a large negative number.
    """
    if described.kind != "mask" or not array.size:
        return 0
    value = array.reshape(-1)[0]
    if array.dtype.kind == "b":
        return not bool(value)
    if value == 0:
        return ADDED_PADDING if array.dtype.kind == "f" else 1
    return 0


ADDED_PADDING = -1e9
"""What an additive mask adds to the scores of padding. Chosen, not measured."""


def choose_main_output(outputs: Mapping[str, Array], axes: Mapping[str, int]) -> str:
    """The first output of floats that has time; else the first with time, else the first."""
    timed = [role for role in outputs if role in axes]
    floating = [role for role in timed if outputs[role].dtype.kind in "fV"]
    return next(iter((*floating, *timed, *outputs)), "output")


def describe_outputs(whole: Mapping[str, Array], shorter: Mapping[str, Array]) -> dict[str, int]:
    """The axis of each output that became shorter with the input."""
    axes: dict[str, int] = {}
    for role, array in whole.items():
        partner = shorter.get(role)
        if partner is None or partner.ndim != array.ndim:
            continue
        changed = [axis for axis in range(array.ndim) if array.shape[axis] != partner.shape[axis]]
        if len(changed) != 1:
            continue
        axes[role] = changed[0]
    return axes


def list_time_axes(shape: Shape) -> list[int]:
    """Axes along which time may run, the likeliest first: not the batch, not a single channel."""
    if len(shape) == 1:
        return [0]
    return [axis for axis in reversed(range(1, len(shape))) if shape[axis] > 1]


def stack_inputs(
    first: Mapping[str, Array], second: Mapping[str, Array], layout: ModelLayout
) -> dict[str, Array]:
    """Two sets of inputs as one batch; what has no axis of batch is the first one's."""
    stacked: dict[str, Array] = {}
    for name, array in first.items():
        if layout.inputs[name].batch_axis is None:
            stacked[name] = array
        else:
            stacked[name] = np.concatenate([array, second[name]], axis=0)
    return stacked
