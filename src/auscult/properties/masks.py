"""A mask or lengths for a model that takes them and was given none: every usual form is tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from auscult.errors import AuscultError
from auscult.properties.layout import (
    INVERSE_MASK_NAME,
    PADDING_MASK_NAME,
    InputLayout,
    Kind,
    ModelLayout,
)
from auscult.properties.model import CheckedModel
from auscult.weights import Array

BUILT_LENGTHS_NAME = re.compile(r"(?!max|min|chunk|hop|win|n_)(.*_)?(lengths|lens)$")


@dataclass(frozen=True)
class MaskForm:
    """One way to say which frames are signal.

    Attributes:
        parameter: Of the model's forward.
        kind: What it is.
        array: All frames are signal.
        time_axes: Axes along which time runs.
    """

    parameter: str
    kind: Kind
    array: Array
    time_axes: tuple[int, ...]


def find_mask_parameters(model: CheckedModel) -> list[str]:
    """Parameters of the forward for a mask over frames or for lengths, which the user gave nothing for."""
    taken = set(model.parameters.values())
    return [
        name
        for name in model.signature
        if name not in taken
        and (PADDING_MASK_NAME.fullmatch(name) or BUILT_LENGTHS_NAME.fullmatch(name))
    ]


def is_mask_given(model: CheckedModel) -> bool:
    """Whether a mask or lengths are among the inputs."""
    return bool(model.layout.find_inputs_of("mask", "lengths", "relative lengths"))


def iter_mask_forms(model: CheckedModel, parameter: str) -> Iterator[MaskForm]:
    """The forms with which the model computes what it computes without any mask, all frames being signal."""
    layout = model.layout
    main = model.inputs[layout.main]
    batch = main.shape[0] if layout.batch_axis is not None else 1
    for form in _list_forms(parameter, batch, layout.frames):
        try:
            run = model.run_alike({**model.inputs, parameter: form.array})
        except AuscultError:
            continue
        if model.compare_timed(model.base, run) <= model.limit:
            yield form


def _list_forms(parameter: str, batch: int, frames: int) -> list[MaskForm]:
    if BUILT_LENGTHS_NAME.fullmatch(parameter):
        return [
            MaskForm(parameter, "lengths", np.full(batch, frames, np.int64), ()),
            MaskForm(parameter, "relative lengths", np.ones(batch, np.float32), ()),
        ]
    flat, deep = (batch, frames), (batch, 1, frames)
    keeping = [
        MaskForm(parameter, "mask", np.ones(flat, bool), (1,)),
        MaskForm(parameter, "mask", np.ones(flat, np.int64), (1,)),
        MaskForm(parameter, "mask", np.ones(deep, np.float32), (2,)),
    ]
    padding = [MaskForm(parameter, "mask", np.zeros(flat, bool), (1,))]
    if INVERSE_MASK_NAME.fullmatch(parameter):
        return padding
    return [*keeping, *padding]


def add_mask(model: CheckedModel, form: MaskForm) -> tuple[dict[str, Array], ModelLayout]:
    """The inputs with the mask, and the layout of both."""
    layout = model.layout
    described = InputLayout(form.parameter, form.parameter, form.kind, form.time_axes, 0)
    return (
        {**model.inputs, form.parameter: form.array},
        replace(layout, inputs={**layout.inputs, form.parameter: described}),
    )
