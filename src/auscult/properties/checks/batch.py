"""Whether an item of a batch is computed as it is alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from auscult.errors import AuscultError
from auscult.properties.change import crop_to, measure_change
from auscult.properties.layout import ModelLayout, stack_inputs
from auscult.properties.model import CheckedModel
from auscult.properties.model_run import ModelRun, select_results
from auscult.properties.records import Observation
from auscult.weights import Array

QUESTION = "An item is computed in a batch as it is computed alone."
DEMANDED = True
COMPANION_GAIN = 1.7
"""The second item of the batch is the first one backwards and so much louder, so that statistics over both differ from
those of one. Chosen, not measured."""


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Put another item behind the given one."""
    if model.layout.batch_axis is None:
        yield "the main input has one axis, and so no batch"
        return
    error, batched = _measure_batch(model, is_full=False)
    if model.is_only_rounding(error, lambda fine: _measure_batch(fine, is_full=False)[0]):
        yield Observation("holds", "an item in a batch of two is what it is alone")
        return
    error, batched = _measure_batch(model, is_full=True)
    place = model.find_place(model.base, batched)
    where = str(place) if place is not None else "the model"
    yield Observation(
        "broken",
        f"an item comes out {error:.2g} off when another stands beside it in the batch; the items mix in {where}",
        "batch-mixed",
        ((place.path or "(model)") if place is not None else "(model)",),
        {"error": error, "place_error": place.error if place is not None else None},
        "take statistics, softmax and sums per item: over channels and time, never over axis 0",
    )


def make_companion(
    inputs: Mapping[str, Array], layout: ModelLayout, item_count: int
) -> dict[str, Array]:
    """Another item for the batch: the signals backwards and louder, ids backwards, all else as it is."""
    companion: dict[str, Array] = {}
    for name, array in inputs.items():
        described = layout.inputs[name]
        companion[name] = array
        if described.kind == "signal" and described.time_axes:
            companion[name] = np.flip(array, axis=described.time_axes)
        if described.kind == "signal" and array.dtype.kind in "fV":
            companion[name] = (companion[name] * COMPANION_GAIN).astype(array.dtype)
        if described.batch_axis is not None:
            companion[name] = companion[name][:item_count]
    return companion


def _measure_batch(model: CheckedModel, *, is_full: bool) -> tuple[float, ModelRun]:
    count = model.inputs[model.layout.main].shape[0]
    companion = make_companion(model.inputs, model.layout, count)
    batched = model.run_alike(stack_inputs(model.inputs, companion, model.layout), is_full=is_full)
    return _measure_first_items(model.base, batched), batched


def _measure_first_items(alone: ModelRun, batched: ModelRun) -> float:
    """The largest change of what belongs to the first items; an output that did not grow has no axis of batch."""
    errors = []
    for role, array in select_results(alone.outputs).items():
        partner = batched.outputs.get(role)
        if partner is None or partner.shape == array.shape:
            continue
        cropped = crop_to(partner, array.shape)
        if cropped is not None:
            errors.append(measure_change(array, cropped))
    if not errors:
        raise AuscultError("no output grows with the batch")
    return max(errors)
