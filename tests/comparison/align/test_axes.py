"""The order of axes, from lengths first, from values where lengths leave it open, from habit at last."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.comparison.align.axes import (
    find_axis_order,
    find_fitting_orders,
    fit_shape_to_rank,
    to_candidate_order,
    to_reference_order,
)
from tests.hand_made import make_noise

X = make_noise(2, 3, 5)


@pytest.mark.parametrize(
    ("shape", "candidate", "fitted"),
    [
        ((2, 3), (2, 3), (2, 3)),
        ((1, 3, 5), (3, 5), (1, 3, 5)),
        ((3, 5), (3, 1, 5), (3, 5)),
        ((2, 3), (2, 3, 4), None),
        ((2, 3, 4), (3, 4), None),
    ],
)
def test_axes_of_length_one_come_and_go(
    shape: tuple[int, ...], candidate: tuple[int, ...], fitted: tuple[int, ...] | None
) -> None:
    assert fit_shape_to_rank(shape, candidate) == fitted


def test_lengths_tell_the_order() -> None:
    assert find_fitting_orders((2, 3, 5), (2, 5, 3)) == ((0, 2, 1),)
    assert find_axis_order(X, X.transpose(0, 2, 1), {}) == ((0, 2, 1), True)


def test_equal_lengths_leave_it_to_the_values() -> None:
    square = make_noise(1, 4, 4)
    assert len(find_fitting_orders(square.shape, square.shape)) == 2
    assert find_axis_order(square, square.transpose(0, 2, 1), {}) == ((0, 2, 1), True)
    unrelated = make_noise(1, 4, 4, seed=9)
    assert find_axis_order(square, unrelated, {3: (0, 2, 1)}) == ((0, 2, 1), False)
    assert find_axis_order(square, unrelated, {}) == ((0, 1, 2), False)


def test_there_and_back() -> None:
    turned = np.ascontiguousarray(X.transpose(0, 2, 1))
    assert np.array_equal(to_reference_order(X, turned, {}), X)
    assert np.array_equal(to_candidate_order(X, turned.shape, {}), turned)
    without_batch = X[:1].transpose(0, 2, 1)[0]
    assert np.array_equal(to_reference_order(X[:1], without_batch, {}), X[:1])
    assert np.array_equal(to_candidate_order(X[:1], without_batch.shape, {}), without_batch)


def test_a_reshaped_tensor_is_taken_only_if_its_values_say_so() -> None:
    flat = X.reshape(2, 15)
    assert np.array_equal(to_reference_order(X, flat, {}), X)
    unrelated = make_noise(2, 15, seed=4)
    assert to_reference_order(X, unrelated, {}) is unrelated
