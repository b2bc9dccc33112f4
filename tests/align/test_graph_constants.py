"""What graph converters make of weights: a norm's gain in the layer behind it, Snake's factors, rotary tables, no names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.verdict import Equality
from tests.align.pairs import aligned


def floats(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def block(rng: np.random.Generator, *, shift: float = 0.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two blocks of a transformer with a Snake behind them: as trained, and as a graph holds them."""
    trained: dict[str, Any] = {
        "rotary.inv_freq": (10000.0 ** -(np.arange(8) / 8)).astype(np.float32)
    }
    graph: dict[str, Any] = {}
    for layer in range(2):
        weight, gain = floats(rng, 24, 16), 1 + 0.3 * floats(rng, 16)
        beta = np.full(16, shift, np.float32)
        alpha, magnitude = 0.5 * floats(rng, 12), 0.5 * floats(rng, 12)
        trained |= {
            f"layers.{layer}.to_qkv.weight": weight,
            f"layers.{layer}.pre_norm.gamma": gain,
            f"layers.{layer}.pre_norm.beta": beta,
            f"layers.{layer}.snake.alpha": alpha,
            f"layers.{layer}.snake.beta": magnitude,
        }
        graph |= {
            f"arith.constant{4 * layer}": weight * gain,
            f"arith.constant{4 * layer + 1}": np.exp(alpha)[None, :, None],
            f"arith.constant{4 * layer + 2}": (1 / (np.exp(magnitude) + np.float32(1e-9)))[
                None, :, None
            ],
        }
    angles = np.arange(20, dtype=np.float32)[:, None] * trained["rotary.inv_freq"]
    graph |= {
        "arith.constant90": np.sin(angles)[None, None],
        "arith.constant91": np.cos(angles)[None, None],
    }
    return trained, graph


@pytest.mark.parametrize("swapped", [False, True])
def test_every_constant_is_explained(rng: np.random.Generator, *, swapped: bool) -> None:
    trained, graph = block(rng)
    found = aligned(graph, trained) if swapped else aligned(trained, graph)
    assert not found.only_in_a
    assert not found.only_in_b
    assert all(match.equality is not Equality.DIFFERENT for match in found.matches)
    causes = [match.cause for match in found.matches]
    assert causes.count("norm-folded") == 2
    assert causes.count("snake-parametrisation") == 4
    tables = next(match for match in found.matches if "rotary.inv_freq" in (*match.a, *match.b))
    assert set(tables.a if swapped else tables.b) == {"arith.constant90", "arith.constant91"}


def test_a_norm_with_a_shift_is_not_said_to_be_folded(rng: np.random.Generator) -> None:
    trained, graph = block(rng, shift=0.5)
    assert "norm-folded" not in {match.cause for match in aligned(trained, graph).matches}


def test_other_gains_are_not_taken_for_these(rng: np.random.Generator) -> None:
    trained, graph = block(rng)
    other = {name: value * np.float32(1.01) for name, value in graph.items()}
    causes = {
        match.cause
        for match in aligned(trained, other).matches
        if match.equality is not Equality.DIFFERENT
    }
    assert not causes & {"norm-folded", "snake-parametrisation"}


def test_tables_of_other_frequencies_are_left_over(rng: np.random.Generator) -> None:
    trained, graph = block(rng)
    trained["rotary.inv_freq"] = trained["rotary.inv_freq"] * np.float32(1.1)
    found = aligned(trained, graph)
    assert {"arith.constant90", "arith.constant91"} <= set(found.only_in_b)
