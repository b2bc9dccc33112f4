"""Whether padding changes what is computed of the signal: behind it, and beside a longer item in the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from auscult.errors import AuscultError
from auscult.properties.change import describe_error, find_differing_frames
from auscult.properties.checks.batch import make_companion
from auscult.properties.layout import ModelLayout, resize_inputs, stack_inputs
from auscult.properties.masks import (
    add_mask,
    find_mask_parameters,
    is_mask_given,
    iter_mask_forms,
)
from auscult.properties.model import CheckedModel
from auscult.properties.model_run import ModelRun
from auscult.properties.records import Observation
from auscult.weights import Array

QUESTION = "With a mask or lengths, padding behind the signal does not change what is computed of the signal."
PADDING_MULTIPLE = 16
"""Padding is a multiple of so many frames, which models with strides take. Chosen, not measured."""
WHOLE_SHARE = 0.9
"""Share of the output frames that silence behind the input changes where it changes all of them. Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class MaskedInputs:
    """Inputs with a mask or lengths, how they lie, and what the mask is called."""

    inputs: Mapping[str, Array]
    layout: ModelLayout
    mask: str


def is_demanded(model: CheckedModel) -> bool:
    """A model that is given a mask or lengths has to heed them; of one that would take them it is told."""
    return model.layout.time_axis is not None and is_mask_given(model)


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Pad behind, with every form of mask that the model takes."""
    layout = model.layout
    if layout.time_axis is None:
        yield "no axis of the main input can be made longer or shorter"
        return
    masked = list(_list_masked_inputs(model))
    if not masked:
        names = find_mask_parameters(model)
        if names:
            yield f"no usual form of {names[0]} fits the model: give it in the inputs"
        yield from _describe_silence(model)
        return
    measured = list(_measure_forms(model, masked))
    if not measured:
        yield f"the model does not run on a padded input with {masked[0].mask}"
        return
    error, best = min(measured, key=lambda pair: pair[0])
    if not model.is_only_rounding(error, lambda fine: _measure_padding(fine, best)):
        yield _describe_leak(model, best, error)
        return
    yield Observation(
        "holds", f"padding behind the signal changes nothing of it (with {best.mask})"
    )
    yield from _measure_longer_item(model, best)


def _measure_forms(
    model: CheckedModel, masked: list[MaskedInputs]
) -> Iterator[tuple[float, MaskedInputs]]:
    """The error with each form of mask with which the model runs."""
    for candidate in masked:
        with suppress(AuscultError):
            yield _measure_padding(model, candidate), candidate


def _list_masked_inputs(model: CheckedModel) -> Iterator[MaskedInputs]:
    given = model.layout.find_inputs_of("mask", "lengths", "relative lengths")
    if given:
        yield MaskedInputs(model.inputs, model.layout, given[0].parameter)
        return
    for parameter in find_mask_parameters(model):
        forms = list(iter_mask_forms(model, parameter))
        for form in forms:
            inputs, layout = add_mask(model, form)
            yield MaskedInputs(inputs, layout, parameter)
        if forms:
            return


def count_padding(frames: int) -> int:
    """How many frames are padded: about a quarter."""
    return -(-(frames // 4 + 1) // PADDING_MULTIPLE) * PADDING_MULTIPLE


def _run_padded(model: CheckedModel, masked: MaskedInputs, *, is_full: bool = False) -> ModelRun:
    frames = masked.layout.frames
    lengths = (frames + count_padding(frames), 2 * frames)
    for number, longer in enumerate(lengths, 1):
        try:
            padded = resize_inputs(masked.inputs, masked.layout, longer)
            return model.run_alike(padded, is_full=is_full)
        except AuscultError:
            if number == len(lengths):
                raise
    raise AssertionError("a length is always tried")


def _measure_padding(model: CheckedModel, masked: MaskedInputs) -> float:
    return model.compare_timed(_run_masked(model, masked), _run_padded(model, masked))


def _run_masked(model: CheckedModel, masked: MaskedInputs, *, is_full: bool = False) -> ModelRun:
    """The model on the signal with the mask, without padding."""
    if masked.inputs is model.inputs and is_full:
        return model.base
    return model.run_alike(masked.inputs, is_full=is_full)


def _describe_leak(model: CheckedModel, masked: MaskedInputs, error: float) -> Observation:
    alone, padded = (
        _run_masked(model, masked, is_full=True),
        _run_padded(model, masked, is_full=True),
    )
    place = model.find_place(alone, padded)
    where = str(place) if place is not None else "the model"
    places = ((place.path or "(model)") if place is not None else "(model)",)
    evidence = {"error": error, "place_error": None if place is None else place.error}
    if _is_mask_ignored(model, masked, padded):
        return Observation(
            "broken",
            f"{masked.mask} changes nothing: with padding behind it the signal comes out otherwise ({describe_error(error)}), first in {where}",
            "mask-ignored",
            places,
            evidence,
            f"hand {masked.mask} on to every module that mixes frames",
            is_warning=True,
        )
    return Observation(
        "broken",
        f"padding behind the signal gets into it in spite of {masked.mask}: {describe_error(error)}, first in {where}",
        "padding-leaks",
        places,
        evidence,
        "set padded frames to zero in front of every convolution, mask scores of attention, and leave padding out of statistics",
        is_warning=True,
    )


def _is_mask_ignored(model: CheckedModel, masked: MaskedInputs, padded: ModelRun) -> bool:
    """Whether a mask that says that all is signal gives the same output."""
    longer = next(
        array.shape[masked.layout.time_axis]
        for array in [
            padded.trace.tensor(record)
            for record in padded.trace.records
            if record.path == "" and record.role.startswith("input")
        ]
        if masked.layout.time_axis is not None and array.ndim > masked.layout.time_axis
    )
    inputs = resize_inputs(masked.inputs, masked.layout, longer)
    for described in masked.layout.find_inputs_of("mask"):
        array = masked.inputs[described.name]
        shape = list(array.shape)
        for axis in described.time_axes:
            shape[axis] = longer
        inputs[described.name] = np.full(shape, array.reshape(-1)[0], array.dtype)
    for described in masked.layout.find_inputs_of("lengths", "relative lengths"):
        array = masked.inputs[described.name]
        is_relative = described.kind == "relative lengths"
        inputs[described.name] = np.full_like(array, 1 if is_relative else longer)
    try:
        unmasked = model.run_alike(inputs)
    except AuscultError:
        return False
    return model.compare_timed(padded, unmasked) <= model.limit


def _measure_longer_item(model: CheckedModel, masked: MaskedInputs) -> Iterator[Observation | str]:
    """The signal, padded, in a batch with an item that is as long as the padding makes it."""
    layout = masked.layout
    if layout.batch_axis is None or any(
        described.batch_axis is None
        for described in layout.find_inputs_of("mask", "lengths", "relative lengths")
    ):
        yield "a longer item in the batch: mask or lengths have no axis of the batch"
        return
    frames = layout.frames
    longer = frames + count_padding(frames)

    def measure_batch(checked: CheckedModel, *, is_full: bool = False) -> tuple[float, ModelRun]:
        padded = resize_inputs(masked.inputs, layout, longer)
        companion = make_companion(
            _repeat_signal(masked, longer), layout, model.inputs[layout.main].shape[0]
        )
        batched = checked.run_alike(stack_inputs(padded, companion, layout), is_full=is_full)
        return checked.compare_timed(_run_masked(checked, masked), batched), batched

    error, _ = measure_batch(model)
    if model.is_only_rounding(error, lambda fine: measure_batch(fine)[0]):
        yield Observation("holds", "a longer item in the batch changes nothing of the signal")
        return
    _, batched = measure_batch(model, is_full=True)
    place = model.find_place(_run_masked(model, masked, is_full=True), batched)
    where = str(place) if place is not None else "the model"
    yield Observation(
        "broken",
        f"a longer item in the batch changes what is computed of the signal: {describe_error(error)}, first in {where}",
        "padding-leaks",
        ((place.path or "(model)") if place is not None else "(model)",),
        {"error": error},
        "build the mask of each item from its own length",
        is_warning=True,
    )


def _repeat_signal(masked: MaskedInputs, frames: int) -> dict[str, Array]:
    """The inputs lengthened with the signal itself, nothing masked."""
    lengthened = dict(resize_inputs(masked.inputs, masked.layout, frames))
    for described in masked.layout.inputs.values():
        array = masked.inputs[described.name]
        if described.kind == "lengths":
            lengthened[described.name] = np.full_like(array, frames)
        elif described.kind == "relative lengths":
            lengthened[described.name] = np.ones_like(array)
        for axis in described.time_axes:
            array = np.take(array, np.arange(frames) % array.shape[axis], axis)
            lengthened[described.name] = array
    return lengthened


def _describe_silence(model: CheckedModel) -> Iterator[Observation | str]:
    """Without a mask: how much of the output silence behind the input changes."""
    axis = model.layout.output_axis
    if axis is None:
        yield "the output has no time"
        return
    masked = MaskedInputs(model.inputs, model.layout, "")
    padded = _run_padded(model, masked).outputs[model.layout.main_output]
    whole = model.base.outputs[model.layout.main_output]
    if padded.shape[axis] < whole.shape[axis]:
        yield "the output became shorter with a longer input"
        return
    part = np.take(padded, range(whole.shape[axis]), axis)
    if part.shape != whole.shape:
        yield "the output changed its shape with a longer input"
        return
    changed = find_differing_frames(whole, part, axis, model.limit)
    if not changed.size:
        yield Observation("holds", "silence behind the input changes nothing in front of it")
        return
    frames = whole.shape[axis] - int(changed[0])
    if frames > WHOLE_SHARE * whole.shape[axis]:
        amount = "the whole output"
    else:
        amount = f"the last {frames} of {whole.shape[axis]} output frames"
    yield Observation(
        "changed",
        f"silence behind the input changes {amount}; the model takes no mask",
        "padding-heard",
        ("(model)",),
        {"frames": frames, "of": whole.shape[axis]},
        "run items of different lengths one by one, or cut the frames that hear the padding",
    )
