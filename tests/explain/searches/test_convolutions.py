"""A convolution read from its attributes, and run otherwise."""

from __future__ import annotations

from dataclasses import replace

from auscult.explain.algebra.layers import conv1d
from auscult.explain.searches.convolutions import iter_other_layouts, read_convolution
from tests.explain.planted import FLOOR, draw, layer

X, WEIGHT = draw(0, 1, 4, 40), draw(1, 4, 4, 3)
CASE = layer("Conv1d", X, conv1d(X, WEIGHT), conv1d(X, WEIGHT, stride=2), {"weight": WEIGHT})


def test_only_what_gives_the_candidate_fits() -> None:
    trial = read_convolution(CASE, FLOOR)
    assert trial is not None
    strides = [replace(trial.reference, stride=stride) for stride in (1, 2, 3)]
    assert [variant.stride for variant, _ in trial.iter_fitting(strides)] == [2]
    assert len(list(iter_other_layouts(trial))) == 4


def test_channels_last_input() -> None:
    turned = layer(
        "Conv1d",
        X.swapaxes(1, 2),
        CASE.reference.swapaxes(1, 2),
        CASE.candidate.swapaxes(1, 2),
        {"weight": WEIGHT},
    )
    trial = read_convolution(turned, FLOOR)
    assert trial is not None
    assert list(trial.iter_fitting([replace(trial.reference, stride=2)]))


def test_attributes_that_do_not_give_the_reference_are_not_trusted() -> None:
    wrong = replace(CASE, module=replace(CASE.module, attributes={"dilation": 2}))
    assert read_convolution(wrong, FLOOR) is None
