"""Whether exchanged channels of the input give exchanged channels of the output."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.properties.change import measure_change
from auscult.properties.model import CheckedModel
from auscult.properties.records import Observation

QUESTION = "Left and right exchanged in the input are exchanged in the output."
DEMANDED = False
STEREO = 2
"""Channels of a sound that can be exchanged. Defined by stereo."""


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Turn the axis of two channels of the main input and of the output."""
    layout = model.layout
    main, whole = model.inputs[layout.main], model.base.outputs.get(model.layout.main_output)
    time_axes = (layout.time_axis, layout.output_axis)
    input_axis = _find_stereo_axis(main.shape, time_axes[0])
    output_axis = None if whole is None else _find_stereo_axis(whole.shape, time_axes[1])
    if whole is None or input_axis is None or output_axis is None:
        yield "input and output are not both stereo"
        return
    turned = model.run_alike({**model.inputs, layout.main: np.flip(main, input_axis)})
    error = measure_change(np.flip(whole, output_axis), turned.outputs[model.layout.main_output])
    if error <= model.limit:
        yield Observation("holds", "exchanged channels come out exchanged")
        return
    yield Observation(
        "measured",
        f"exchanged channels come out {error:.2g} off the exchanged output: the model treats left and right differently",
        "channels-unequal",
        ("(model)",),
        {"error": error},
    )


def _find_stereo_axis(shape: tuple[int, ...], time_axis: int | None) -> int | None:
    axes = [axis for axis in range(1, len(shape)) if axis != time_axis and shape[axis] == STEREO]
    return axes[0] if len(axes) == 1 else None
