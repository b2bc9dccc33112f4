"""Explaining a place: nothing is invented, the simplest wins, rivals are named, and what is left is described."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.explain.algebra.expressions import find_expressions
from auscult.explain.algebra.nearness import orient_axes, relative_error
from auscult.explain.case import LayerCase
from auscult.explain.relation import describe_difference
from auscult.explain.try_mistakes import explain_case
from auscult.weights import Array, ModuleInfo


def drawn(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def place(reference: Array, candidate: Array, **known: Array) -> LayerCase:
    """A place in the wiring: what reaches a convolution."""
    return LayerCase(
        "conv", ModuleInfo("conv", "Conv1d"), reference, candidate, role="input", context=known
    )


@given(seed=st.integers(0, 10_000), size=st.floats(1e-3, 1.0))
@settings(max_examples=25, deadline=None)
def test_an_error_that_is_no_known_mistake_is_not_explained(seed: int, size: float) -> None:
    x, y = drawn(seed, 2, 6, 17), drawn(seed + 1, 2, 6, 17)
    reference = np.maximum(x + y, 0)
    candidate = reference + np.float32(size) * drawn(seed + 2, 2, 6, 17)
    assert [
        one for one in explain_case(place(reference, candidate, a=x, b=y), 1e-6) if one.reproduced
    ] == []


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_rounding_is_not_explained(seed: int) -> None:
    x = drawn(seed, 2, 6, 17)
    half = x.astype(np.float16).astype(np.float32)
    assert [one for one in explain_case(place(x, half, a=x), 1e-3) if one.reproduced] == []


def test_equal_tensors_need_no_explanation() -> None:
    x = drawn(0, 2, 3, 5)
    assert explain_case(place(x, x, a=x), 0.0) == ()


@pytest.mark.parametrize("slope", [0.01, 0.05, 0.137])
def test_a_slope_is_found_whatever_it_is(slope: float) -> None:
    x = drawn(1, 2, 6, 17)
    case = place(
        np.where(x > 0, x, 0.1 * x).astype(np.float32),
        np.where(x > 0, x, slope * x).astype(np.float32),
        a=x,
    )
    first = explain_case(case, 1e-6)[0]
    assert first.cause == "leaky-slope"
    assert f"slope {slope:g}" in first.says


def test_a_slope_behind_a_residual_stream_is_no_second_activation() -> None:
    """0.01 is 0.1 of 0.1: the sum of what three blocks added has to be read, or one slope too many is seen."""
    known = {
        f"{kind}{block}": drawn(10 * block + seed, 2, 6, 17)
        for block in range(4)
        for seed, kind in enumerate(("taken", "given"))
    }
    x = sum(known[name] for name in ("taken0", "given0", "given1", "given2"))
    case = place(
        np.where(x > 0, x, 0.1 * x).astype(np.float32),
        np.where(x > 0, x, 0.01 * x).astype(np.float32),
        **known,
    )
    first = explain_case(case, 1e-6)[0]
    assert (first.cause, first.complexity) == ("leaky-slope", 1)
    assert "sum(taken0, given0, given1, given2)" in first.evidence["reference"]


def test_a_slope_of_what_nobody_recorded_is_told_from_a_second_activation() -> None:
    x = drawn(1, 2, 6, 17)
    right, got = (np.where(x > 0, x, slope * x).astype(np.float32) for slope in (0.1, 0.01))
    assert explain_case(place(right, got), 1e-6)[0].cause == "leaky-slope"
    assert explain_case(place(x, right), 1e-6)[0].cause == "activation-extra"


def test_what_no_input_shows_is_not_named() -> None:
    """Without negative values there is no slope to be seen, and both sides are equal."""
    x = np.abs(drawn(1, 2, 6, 17))
    assert explain_case(place(x, x.copy(), a=x), 1e-6) == ()


def test_a_channel_last_context_is_found() -> None:
    x, y = drawn(1, 2, 17, 6), drawn(2, 2, 6, 17)
    found = find_expressions(x.swapaxes(1, 2) + y, {"x": x, "y": y}, 1e-6)
    assert found[0].says == "sum(x, y)"


def test_the_mean_of_branches_is_not_called_a_factor() -> None:
    a, b, c = (drawn(seed, 2, 6, 17) for seed in range(3))
    first = explain_case(place((a + b + c) / 3, a + b + c, a=a, b=b, c=c), 1e-6)[0]
    assert first.cause == "branch-sum-mean"
    assert first.rivals == ()


def test_a_branch_left_out_of_three_is_named() -> None:
    parts = {name: drawn(seed, 2, 6, 17) for seed, name in enumerate("axbyc")}
    whole = (parts["a"] + parts["b"] + parts["c"]) / 3
    for fewer in ((parts["a"] + parts["c"]) / 3, (parts["a"] + parts["c"]) / 2):
        first = explain_case(
            place(
                np.where(whole > 0, whole, 0.1 * whole),
                np.where(fewer > 0, fewer, 0.1 * fewer),
                **parts,
            ),
            1e-6,
        )[0]
        assert (first.cause, first.rivals) == ("branch-missing", ())
        assert first.says.startswith("it does not add b")


def test_positions_that_are_constants_in_a_graph_are_seen_in_the_sum() -> None:
    table, x = drawn(0, 30, 6), drawn(1, 2, 17, 6)
    kept = np.ones((2, 17, 1), np.float32)
    kept[1, 12:] = 0
    known = {"tokens:output": x, "positions:output": table[2:19]}
    info = {"fc": ModuleInfo("fc", "Linear"), "positions": ModuleInfo("positions", "Embedding")}
    weights = {"fc": {"weight": drawn(2, 6, 12)}, "positions": {"weight": table}}
    known["fc:output"] = x
    right, got = ((x + table[start : start + 17]) * kept for start in (2, 3))
    case = replace(place(right, got, **known), attributes=info, relatives=weights)
    first = explain_case(case, 1e-6)[0]
    assert (first.cause, first.rivals) == ("position-offset", ())
    assert "start at 3, the reference's at 2" in first.says


def test_a_branch_of_zeros_is_named() -> None:
    a, b, c = (drawn(seed, 2, 6, 17) for seed in range(3))
    case = place(
        np.concatenate([a, b, c], 1), np.concatenate([a, np.zeros_like(b), c], 1), a=a, b=b, c=c
    )
    first = explain_case(case, 1e-6)[0]
    assert (first.cause, first.rivals) == ("branch-missing", ())
    assert "b" in first.says


def test_what_is_left_is_described() -> None:
    x = drawn(3, 1, 4, 200)
    late = np.roll(x, 3, -1)
    late[..., :3] = 0
    told = describe_difference(x, 2 * late)
    assert told["lag"] == 3
    assert describe_difference(x, np.clip(x, -0.5, 0.5))["saturated"]["limit"] == 0.5
    assert describe_difference(x, x[..., :-1])["shape_candidate"] == [1, 4, 199]


def test_axes_are_brought_into_the_reference_s_order() -> None:
    x = drawn(4, 2, 6, 6)
    np.testing.assert_array_equal(orient_axes(x, x.swapaxes(1, 2)), x)
    assert relative_error(orient_axes(x, x), x) == 0
