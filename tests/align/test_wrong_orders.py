"""Orders of gates and axes that no convention explains are faults; those of a framework are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.align.records import WeightAlignment
from tests.align.pairs import Arrays, aligned

HIDDEN = 8


def draw_lstm(rng: np.random.Generator) -> Arrays:
    shapes = {"weight_ih_l0": (4 * HIDDEN, 6), "weight_hh_l0": (4 * HIDDEN, HIDDEN)}
    return {
        f"lstm.{name}": rng.standard_normal(shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def reorder(array: NDArray[np.float32], order: tuple[int, ...]) -> NDArray[np.float32]:
    blocks = np.split(array, len(order))
    return np.concatenate([blocks[index] for index in order])


def list_faults(result: WeightAlignment) -> set[str]:
    return {match.b[0] for match in result.matches if match.fault}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("leaves", [("weight_ih_l0", "weight_hh_l0"), ("Wx", "Wh")])
def test_gates_in_another_order_than_the_frameworks_are_a_fault(
    dtype: type, leaves: tuple[str, str], rng: np.random.Generator
) -> None:
    right = draw_lstm(rng)
    port: dict[str, Any] = {
        f"lstm.{leaf}": array.astype(dtype)
        for leaf, array in zip(leaves, right.values(), strict=True)
    }
    assert list_faults(aligned(right, port)) == set()
    wrong = {name: reorder(array, (0, 1, 3, 2)) for name, array in port.items()}
    assert list_faults(aligned(right, wrong)) == set(wrong)
    assert list_faults(aligned(wrong, right)) == set(right)


def test_gates_of_another_framework_are_its_order(rng: np.random.Generator) -> None:
    right = {
        "gru.weight_hh_l0": rng.standard_normal((3 * HIDDEN, HIDDEN)).astype(np.float32),
    }
    keras = {"gru/recurrent_kernel": reorder(right["gru.weight_hh_l0"], (1, 0, 2)).T.copy()}
    assert list_faults(aligned(right, keras)) == set()
    same = {"gru/recurrent_kernel": reorder(right["gru.weight_hh_l0"], (0, 2, 1)).T.copy()}
    assert list_faults(aligned(right, same)) == set(same)


def test_one_square_weight_of_a_row_transposed_is_a_fault(rng: np.random.Generator) -> None:
    right = {
        f"layers.{index}.out.weight": rng.standard_normal((12, 12)).astype(np.float32)
        for index in range(3)
    }
    wrong = right | {"layers.1.out.weight": right["layers.1.out.weight"].T.copy()}
    assert list_faults(aligned(right, wrong)) == {"layers.1.out.weight"}
    renamed = {name.replace("layers", "model.blocks"): array for name, array in wrong.items()}
    assert list_faults(aligned(right, renamed)) == {"model.blocks.1.out.weight"}


def test_a_row_that_is_transposed_throughout_is_a_convention(rng: np.random.Generator) -> None:
    right = {
        f"layers.{index}.{name}.weight": rng.standard_normal(shape).astype(np.float32)
        for index in range(3)
        for name, shape in {"out": (12, 12), "up": (24, 12), "norm": (12,)}.items()
    }
    port = {
        name: array.T.copy() if name.endswith("out.weight") else array
        for name, array in right.items()
    }
    assert list_faults(aligned(right, port)) == set()


def test_heads_of_one_block_in_another_order_are_a_fault(rng: np.random.Generator) -> None:
    right = {
        f"blocks.{index}.attn.qkv.weight": rng.standard_normal((24, 10)).astype(np.float32)
        for index in range(3)
    }
    port = {
        f"model.layers.{index}.attention.w_qkv": reorder(array, (2, 0, 1))
        for index, array in enumerate(right.values())
    }
    assert list_faults(aligned(right, port)) == set()
    first, second, third = port
    straight = right["blocks.1.attn.qkv.weight"]
    assert list_faults(aligned(right, port | {second: straight})) == {first, third}
