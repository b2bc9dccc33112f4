"""A square weight whose axes lie in an order of no framework is a fault; a framework's order is none."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.align import align
from auscult.weights import Checkpoint, ModuleInfo
from tests.align.pairs import Arrays, aligned


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("axes", "is_fault"), [((1, 0, 2), True), ((0, 2, 1), False)])
def test_inputs_for_outputs_of_a_convolution(
    axes: tuple[int, ...], is_fault: bool, rng: np.random.Generator
) -> None:
    right = {"res.0.weight": draw(rng, 16, 16, 3), "res.0.bias": draw(rng, 16)}
    port = {
        "body/conv/w": right["res.0.weight"].transpose(axes).copy(),
        "body/conv/b": right["res.0.bias"],
    }
    assert any(match.fault for match in aligned(right, port).matches) is is_fault


@pytest.mark.parametrize(("axes", "is_fault"), [((0, 2, 3, 1), False), ((2, 1, 0, 3), True)])
def test_a_square_kernel_over_one_channel(
    axes: tuple[int, ...], is_fault: bool, rng: np.random.Generator
) -> None:
    right = {"conv.0.weight": draw(rng, 8, 1, 3, 3), "conv.0.bias": draw(rng, 8)}
    port = {
        "body/conv/w": right["conv.0.weight"].transpose(axes).copy(),
        "body/conv/b": right["conv.0.bias"],
    }
    assert any(match.fault for match in aligned(right, port).matches) is is_fault


def make_products(right: Arrays, straight: str = "") -> Checkpoint:
    """A graph that multiplies by each matrix from the right.

    Args:
        straight: The matrix that was not turned round for it.
    """
    tensors = {
        f"val_{number}": array if name == straight else np.ascontiguousarray(array.T)
        for number, (name, array) in enumerate(right.items())
    }
    modules = {
        name: ModuleInfo(name, "MatMul", {"node": f"node_{name}", "input": 1}) for name in tensors
    }
    return Checkpoint.of(tensors, modules=modules)


def test_a_square_matrix_that_lies_otherwise_than_its_like(rng: np.random.Generator) -> None:
    right = {
        "up.weight": draw(rng, 24, 12),
        "square.weight": draw(rng, 12, 12),
        "down.weight": draw(rng, 12, 24),
    }
    reference = Checkpoint.of(right)
    assert not any(match.fault for match in align(reference, make_products(right)).matches)
    wrong = make_products(right, straight="square.weight")
    faults = [match.a for match in align(reference, wrong).matches if match.fault]
    assert faults == [("square.weight",)]


def test_one_square_of_two_is_turned(rng: np.random.Generator) -> None:
    right = {f"{name}.weight": draw(rng, 12, 12) for name in ("query", "value")}
    port = {f"body/{name}_0": array for name, array in right.items()}
    assert not any(match.fault for match in aligned(right, port).matches)
    turned = {name: array.T.copy() for name, array in port.items()}
    assert not any(match.fault for match in aligned(right, turned).matches)
    mixed = {"q/w": right["query.weight"], "v/w": right["value.weight"].T.copy()}
    assert [m.b for m in aligned(right, mixed).matches if m.fault] == [("v/w",)]
