"""How far back and ahead a model looks: what an impulse at one frame of the input changes in the output."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from auscult.properties.change import find_differing_frames
from auscult.properties.model import CheckedModel
from auscult.weights import Array

IMPULSE_GAIN = 4.0
"""The impulse in units of the input's rms: large enough to get through a net. Chosen, not measured."""
MAX_SILENT_CHANGE = 3e-7
"""A change of the output below this share of its rms is the rounding of other kernels. Chosen, not measured."""
REACH_KEY = "reach"
EDGE_SHARE = 0.02
"""Share of the output that may stay unchanged at an edge of a model that hears everything. Chosen, not measured."""


@dataclass(frozen=True)
class Reach:
    """What each output frame depends on, in frames of the input.

    Attributes:
        past: Frames before the one that it belongs to.
        future: Frames behind it.
        is_finite: Whether an impulse left a part of the output as it was, on both sides.
    """

    past: float
    future: float
    is_finite: bool

    @property
    def width(self) -> float:
        """Frames in all: the receptive field."""
        return self.past + self.future + 1


def find_reach(model: CheckedModel) -> Reach | None:
    """The reach of the first output, from an impulse in the middle of the main input; None where that cannot be told."""
    if REACH_KEY not in model.memo:
        model.memo[REACH_KEY] = _measure_reach(model)
    reach: Reach | None = model.memo[REACH_KEY]
    return reach


def _measure_reach(model: CheckedModel) -> Reach | None:
    layout = model.layout
    axis = layout.output_axis
    if layout.time_axis is None or axis is None or layout.ratio <= 0:
        return None
    middle = layout.frames // 2
    struck = {
        **model.inputs,
        layout.main: strike_frame(model.inputs[layout.main], layout.time_axis, middle),
    }
    whole = model.base.outputs[model.layout.main_output]
    output = model.run_alike(struck).outputs[layout.main_output]
    if output.shape != whole.shape:  # the model chooses the length of its output itself
        return None
    changed = find_differing_frames(whole, output, axis, MAX_SILENT_CHANGE)
    if not changed.size:
        return None
    first, last = int(changed[0]), int(changed[-1])
    margin = EDGE_SHARE * whole.shape[axis]
    past = math.ceil(max(0.0, (last + 1) / layout.ratio - middle - 1))
    future = math.ceil(max(0.0, middle - first / layout.ratio))
    ends = (first <= margin, last >= whole.shape[axis] - 1 - margin)
    return Reach(
        math.inf if ends[1] else past, math.inf if ends[0] else future, is_finite=not any(ends)
    )


def strike_frame(array: Array, axis: int, frame: int) -> Array:
    """The array with one frame changed: floats by an impulse, ids exchanged for that of another frame."""
    struck = np.array(array)
    place = tuple(frame if index == axis else slice(None) for index in range(array.ndim))
    if array.dtype.kind in "iu":
        values = np.unique(array)
        current = array[place]
        others = values[0] if values.size else 0
        struck[place] = np.where(current == others, values[-1], others)
        return struck
    size = float(np.sqrt(np.mean(np.square(array.astype(np.float64))))) or 1.0
    struck[place] += np.asarray(IMPULSE_GAIN * size, dtype=array.dtype)
    return struck
