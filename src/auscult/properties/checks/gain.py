"""Whether an input twice as loud gives an output twice as loud."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.properties.change import measure_change, widen_elements
from auscult.properties.model import CheckedModel
from auscult.properties.records import Observation

QUESTION = "An input twice as loud gives an output twice as loud."
DEMANDED = False
GAIN = 2.0
"""By which the input is made louder: exact in every binary format. Chosen, not measured."""


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Double the main input."""
    main = model.inputs[model.layout.main]
    if main.dtype.kind not in "fV":
        yield "the main input holds ids, which have no level"
        return
    louder = model.run_alike({**model.inputs, model.layout.main: (main * GAIN).astype(main.dtype)})
    whole = model.base.outputs.get(model.layout.main_output)
    if whole is None or whole.dtype.kind not in "fV":
        yield "the output holds no levels"
        return
    if measure_change(
        widen_elements(whole) * GAIN, widen_elements(louder.outputs[model.layout.main_output])
    ) <= (model.limit):
        yield Observation("holds", "an input twice as loud gives an output twice as loud")
        return
    ratio = _measure_level_ratio(whole, louder.outputs[model.layout.main_output])
    error = measure_change(
        widen_elements(whole) * GAIN, widen_elements(louder.outputs[model.layout.main_output])
    )
    yield Observation(
        "measured",
        f"an input twice as loud gives an output {ratio:.3g} times as loud ({error:.2g} off the doubled one)",
        "gain-not-kept",
        ("(model)",),
        {"level_ratio": ratio, "error": error},
    )


def _measure_level_ratio(whole: object, louder: object) -> float:
    before, after = (
        float(np.sqrt(np.nanmean(np.abs(widen_elements(np.asarray(array))) ** 2)))
        for array in (whole, louder)
    )
    return after / before if before else float("inf")
