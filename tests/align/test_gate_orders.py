"""Gates of one layer in two orders are a fault, whatever the names; one order throughout may be a framework's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.align.pairs import Arrays, aligned

HIDDEN = 8


def draw_layer(rng: np.random.Generator) -> Arrays:
    shapes = {"weight_ih_l0": (4 * HIDDEN, 6), "weight_hh_l0": (4 * HIDDEN, HIDDEN)}
    return {
        f"lstm.{name}": rng.standard_normal(shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def reorder(array: NDArray[np.float32], order: tuple[int, ...]) -> NDArray[np.float32]:
    blocks = np.split(array, len(order))
    return np.concatenate([blocks[index] for index in order])


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (1, 2, 3, 0), (1, 0)])
def test_two_weights_in_two_orders(order: tuple[int, ...], rng: np.random.Generator) -> None:
    right = draw_layer(rng)
    own = {"rnn_a": right["lstm.weight_ih_l0"], "rnn_b": right["lstm.weight_hh_l0"]}
    for name, array in own.items():
        wrong = own | {name: reorder(array, order)}
        assert [m.b[0] for m in aligned(right, wrong).matches if m.fault] == [name]
    same = {name: reorder(array, order) for name, array in own.items()}
    assert not any(match.fault for match in aligned(right, same).matches)
