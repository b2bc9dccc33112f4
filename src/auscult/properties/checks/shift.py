"""Whether a delayed input gives a delayed output."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from auscult.facts.words import format_count
from auscult.properties.change import measure_change
from auscult.properties.model import CheckedModel
from auscult.properties.reach import find_reach
from auscult.properties.records import Observation
from auscult.weights import Array

QUESTION = "An input that is late by some frames gives an output that is late by as many."
DEMANDED = False
MAX_FRACTION = 1e-6
"""How far from a whole number of frames rounding of the ratio leaves one. Chosen, not measured."""
MIN_INNER_FRAMES = 4
"""Frames that the coarsest module has at least: fewer do not tell its hop. Chosen, not measured."""
MAX_HOPS = 8
"""Hops that are tried. Chosen, not measured."""
MAX_SHIFT = 64
"""Frames of the input by which it is delayed at most: the fewest that are whole frames of the output are taken. Chosen, not
measured."""


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Put some frames in front, take as many away behind, and compare the middle."""
    layout = model.layout
    if layout.time_axis is None or layout.output_axis is None or layout.ratio <= 0:
        yield "input and output have no common time"
        return
    if model.draws:
        yield "the model draws noise, which is not delayed with the input"
        return
    frames = find_whole_shift(layout.ratio)
    if frames is None or frames >= layout.frames:
        yield f"no shift of up to {MAX_SHIFT} frames is a whole number of output frames"
        return
    smallest_error = math.inf
    for shift in _list_shifts(model, frames):
        error = _measure_shift(model, shift)
        if error is None:
            continue
        smallest_error = min(smallest_error, error)
        if model.is_only_rounding(error, lambda fine, by=shift: _measure_shift(fine, by) or 0.0):  # type: ignore[misc]
            late = format_count(shift, "frame")
            yield Observation("holds", f"an input {late} late gives an output as late")
            return
    reach = find_reach(model)
    if reach is None or not reach.is_finite:
        yield "the output depends on the whole input, of which a delay takes a part away"
        return
    if math.isinf(smallest_error):
        yield "the input is too short for what each output frame depends on"
        return
    yield Observation(
        "changed",
        f"a delayed input gives an output {smallest_error:.2g} off the delayed one: it depends on where in the input something"
        " stands",
        "not-shift-invariant",
        ("(model)",),
        {"error": smallest_error},
    )


def _list_shifts(model: CheckedModel, whole_shift: int) -> list[int]:
    """Shifts to try: the least, and the hops of what the modules compute, which have fewer frames than the input."""
    frames = model.layout.frames
    lengths = {
        length
        for record in model.base.trace.records
        if record.role.startswith("output")
        for length in record.shape
        if MIN_INNER_FRAMES <= length < frames
    }
    hops = {round(frames / length) for length in lengths}
    shifts = {hop * whole_shift for hop in hops if 1 < hop * whole_shift < frames // 2}
    return [whole_shift, *sorted(shifts)[:MAX_HOPS]]


def find_whole_shift(ratio: float) -> int | None:
    """The fewest frames of the input that are a whole number of output frames; None where it takes too many."""
    for frames in range(1, MAX_SHIFT + 1):
        shifted = frames * ratio
        if abs(shifted - round(shifted)) < MAX_FRACTION and round(shifted) > 0:
            return frames
    return None


def _measure_shift(model: CheckedModel, frames: int) -> float | None:
    """The change in the middle, where neither edge reaches; None where there is no middle."""
    layout = model.layout
    assert layout.time_axis is not None
    reach = find_reach(model)
    axis, ratio = layout.output_axes[layout.main_output], layout.ratio
    late_inputs = {
        name: _delay(array, layout.inputs[name].time_axes, frames)
        if layout.inputs[name].kind == "signal"
        else array
        for name, array in model.inputs.items()
    }
    late = model.run_alike(late_inputs).outputs[model.layout.main_output]
    whole = model.base.outputs[model.layout.main_output]
    start = round((reach.past if reach is not None and reach.is_finite else 0) * ratio)
    stop = whole.shape[axis] - round(
        (frames + (reach.future if reach is not None and reach.is_finite else 0)) * ratio
    )
    shift = round(frames * ratio)
    if stop <= start or late.shape != whole.shape:
        return None
    return measure_change(
        np.take(whole, range(start, stop), axis),
        np.take(late, range(start + shift, stop + shift), axis),
    )


def _delay(array: Array, axes: tuple[int, ...], frames: int) -> Array:
    """The array some frames later: what comes in front is its own beginning backwards, so that nothing is silent."""
    if not axes:
        return array
    axis = axes[0]
    head = np.flip(np.take(array, range(frames), axis), axis)
    return np.concatenate(
        [head, np.take(array, range(array.shape[axis] - frames), axis)], axis=axis
    )
