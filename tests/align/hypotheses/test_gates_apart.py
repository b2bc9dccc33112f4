"""The gates of a GRU in tensors of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.verdict import Equality
from tests.align.pairs import aligned

HIDDEN, INPUTS = 20, 12


def make_layer(rng: np.random.Generator) -> dict[str, Any]:
    layer = {
        "gru.weight_ih_l0": rng.normal(size=(3 * HIDDEN, INPUTS)),
        "gru.weight_hh_l0": rng.normal(size=(3 * HIDDEN, HIDDEN)),
        "gru.bias_ih_l0": rng.normal(size=3 * HIDDEN),
        "gru.bias_hh_l0": rng.normal(size=3 * HIDDEN),
    }
    return {name: values.astype(np.float32) for name, values in layer.items()}


def take_apart(layer: dict[str, Any], dtype: Any) -> dict[str, Any]:
    gates = [gate for values in layer.values() for gate in np.split(values, 3)]
    return {f"linear_{index}_0": gate.astype(dtype) for index, gate in enumerate(gates)}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_gates_are_found(rng: np.random.Generator, dtype: Any, *, is_swapped: bool) -> None:
    layer = make_layer(rng)
    apart = take_apart(layer, dtype)
    found = aligned(apart, layer) if is_swapped else aligned(layer, apart)
    assert not found.only_in_a
    assert not found.only_in_b
    assert len(found.matches) == len(layer)
    assert all(match.equality is not Equality.DIFFERENT for match in found.matches)


def test_a_gate_of_another_layer_is_no_gate(rng: np.random.Generator) -> None:
    layer = make_layer(rng)
    apart = take_apart(layer, np.float32)
    apart["linear_1_0"] = rng.normal(size=(HIDDEN, INPUTS)).astype(np.float32)
    found = aligned(layer, apart)
    assert "gru.weight_ih_l0" in found.only_in_a
    assert {"linear_0_0", "linear_1_0", "linear_2_0"} <= set(found.only_in_b)
