"""Small tensors after rounding and renaming: told by the layer that they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.verdict import Equality
from tests.align.pairs import aligned


def make_model(rng: np.random.Generator, out: int = 1) -> dict[str, Any]:
    """Layers of one output and a norm over few channels."""
    model: dict[str, Any] = {}
    for name in ("conv_pre", "conv_mid", "conv_post"):
        model[f"{name}.weight"] = rng.normal(size=(out, 32, 7)).astype(np.float32)
        model[f"{name}.bias"] = (0.1 * rng.normal(size=out)).astype(np.float32)
    model["norm.weight"] = (1 + 0.1 * rng.normal(size=6)).astype(np.float32)
    model["norm.bias"] = (0.1 * rng.normal(size=6)).astype(np.float32)
    return model


def round_and_rename(model: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name.replace('.', '_')}_to_fp16": values.astype(np.float16)
        for name, values in model.items()
    }


@pytest.mark.parametrize("out", [1, 2, 12])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_small_tensors_pair_after_rounding(
    rng: np.random.Generator, out: int, *, is_swapped: bool
) -> None:
    model = make_model(rng, out)
    rounded = round_and_rename(model)
    found = aligned(rounded, model) if is_swapped else aligned(model, rounded)
    assert not found.only_in_a
    assert not found.only_in_b
    assert all(match.equality is Equality.CLOSE for match in found.matches)
    pairs = {(match.a[0], match.b[0]) for match in found.matches}
    expected = {(name, f"{name.replace('.', '_')}_to_fp16") for name in model}
    assert pairs == ({(b, a) for a, b in expected} if is_swapped else expected)


def test_a_changed_bias_of_one_number_finds_no_partner(rng: np.random.Generator) -> None:
    model = make_model(rng)
    rounded = round_and_rename(model)
    rounded["conv_post_bias_to_fp16"] = rounded["conv_post_bias_to_fp16"] * np.float16(1.01)
    found = aligned(model, rounded)
    assert "conv_post.bias" in {
        *found.only_in_a,
        *(match.a[0] for match in found.matches if match.equality is Equality.DIFFERENT),
    }


def test_exchanged_biases_of_one_number_are_not_put_right(rng: np.random.Generator) -> None:
    model = make_model(rng)
    rounded = round_and_rename(model)
    names = ("conv_pre_bias_to_fp16", "conv_post_bias_to_fp16")
    rounded[names[0]], rounded[names[1]] = rounded[names[1]], rounded[names[0]]
    found = aligned(model, rounded)
    unequal = {match.a[0] for match in found.matches if match.equality is Equality.DIFFERENT}
    assert {"conv_pre.bias", "conv_post.bias"} <= {*found.only_in_a, *unequal}


def test_single_numbers_of_other_names_are_no_pair(rng: np.random.Generator) -> None:
    model = make_model(rng) | {"alpha": np.array([0.5], np.float32)}
    found = aligned(model, round_and_rename(make_model(rng)) | {"c7": np.array([0.5], np.float16)})
    assert "alpha" in found.only_in_a
