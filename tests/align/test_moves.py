from __future__ import annotations

from itertools import permutations
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.align.moves import iter_blocks, list_moves, sample_places, sort_sides
from auscult.recipe.op import Op

SHAPES = st.lists(st.integers(1, 4), min_size=0, max_size=4).map(tuple)


@given(SHAPES, st.data())
def test_every_move_leads_to_the_target_and_its_ops_do_the_same(
    shape: tuple[int, ...], data: st.DataObject
) -> None:
    target = tuple(shape[axis] for axis in data.draw(st.permutations(range(len(shape)))))
    target = (*target, 1) if data.draw(st.booleans()) else target
    array = np.arange(prod(shape)).reshape(shape)
    found = list_moves(shape, target)
    assert found
    for move in found:
        assert move.view(array).shape == target
        assert np.array_equal(move.view(array), apply(move.ops, array))


def apply(ops: tuple[Op, ...], array: np.ndarray) -> np.ndarray:
    for op in ops:
        array = op.apply([array])[0]
    return array


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 3, 3), (2, 2, 5), (2, 1, 3), (4, 4, 2, 2)])
def test_every_distinct_order_of_elements_is_there_once(shape: tuple[int, ...]) -> None:
    array = np.arange(prod(shape)).reshape(shape)
    for axes in permutations(range(len(shape))):
        wanted = array.transpose(axes)
        fitting = [
            move
            for move in list_moves(shape, wanted.shape)
            if np.array_equal(move.view(array), wanted)
        ]
        assert len(fitting) == 1


def test_customary_orders_stand_for_those_that_differ_by_an_axis_of_one() -> None:
    assert list_moves((8, 1, 3), (8, 3, 1))[0].axes == (0, 2, 1)
    assert list_moves((1, 1, 3), (1, 3, 1))[0].axes == (0, 2, 1)
    assert list_moves((1, 6, 3), (6, 3, 1))[0].axes == (1, 2, 0)
    assert list_moves((5, 5), (5, 5))[0].axes is None


def test_axes_of_one_come_and_go_by_reshape() -> None:
    (move,) = list_moves((8, 5, 1), (8, 5))
    assert [op.op for op in move.ops] == ["reshape"]
    (move,) = list_moves((8, 5, 1), (5, 8))
    assert [op.op for op in move.ops] == ["permute", "reshape"]


def test_other_sides_of_the_same_size_only_regroup() -> None:
    (move,) = list_moves((4, 6), (2, 12))
    assert move.flat
    assert list_moves((4, 6), (5, 5)) == ()


def test_many_equal_axes_end() -> None:
    assert len(list_moves((2,) * 9, (2,) * 9)) <= 721


def test_sides_forget_order_and_axes_of_one() -> None:
    assert sort_sides((3, 1, 2)) == sort_sides((2, 3)) == (2, 3)


def test_samples_are_the_same_every_time_and_inside() -> None:
    first, second = sample_places((50, 60)), sample_places((50, 60))
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    assert np.ravel_multi_index(first, (50, 60)).max() < 3000
    assert sample_places(()) == ()


@given(st.lists(st.integers(0, 9), max_size=4).map(tuple), st.integers(1, 50))
def test_blocks_cover_every_element_once(shape: tuple[int, ...], limit: int) -> None:
    count = np.zeros(shape, int)
    for part in iter_blocks(shape, limit):
        count[part] += 1
    assert bool((count == 1).all())
