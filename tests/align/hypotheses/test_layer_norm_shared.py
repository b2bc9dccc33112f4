"""A layer norm kept for query and key, which have no bias, and folded into the value, as litert-torch writes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Equality, Verdict
from auscult.weights import Checkpoint
from tests.align.pairs import Arrays, aligned

WIDTH = 24


def make_model(rng: np.random.Generator) -> Arrays:
    model: Arrays = {}
    for layer in ("layers.0", "layers.1"):
        model[f"{layer}.norm.weight"] = 1 + 0.3 * rng.standard_normal(WIDTH)
        model[f"{layer}.norm.bias"] = rng.standard_normal(WIDTH)
        for head in ("to_q", "to_k", "to_v"):
            model[f"{layer}.{head}.weight"] = rng.standard_normal((WIDTH, WIDTH))
        model[f"{layer}.to_v.bias"] = rng.standard_normal(WIDTH)
    return {name: values.astype(np.float32) for name, values in model.items()}


def make_graph(model: Arrays, dtype: Any) -> Arrays:
    """Numbered constants: query and key as they are, the value with the norm in it, and gain and shift at the end."""
    graph = []
    for layer in ("layers.0", "layers.1"):
        gain, shift = model[f"{layer}.norm.weight"], model[f"{layer}.norm.bias"]
        weight = model[f"{layer}.to_v.weight"]
        graph += [weight * gain, model[f"{layer}.to_v.bias"] + weight @ shift]
        graph += [model[f"{layer}.to_q.weight"], model[f"{layer}.to_k.weight"], shift, gain]
    return {f"const_{number}": values.astype(dtype) for number, values in enumerate(graph)}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_both_forms_are_found(rng: np.random.Generator, dtype: Any, *, is_swapped: bool) -> None:
    model = make_model(rng)
    graph = make_graph(model, dtype)
    found = aligned(graph, model) if is_swapped else aligned(model, graph)
    assert (found.only_in_a, found.only_in_b) == ((), ())
    folds = [match for match in found.matches if match.cause == "norm-folded"]
    assert [match.equality for match in folds] == [Equality.CLOSE] * 2
    files = (graph, model) if is_swapped else (model, graph)
    assert diff(*map(Checkpoint.of, files)).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("part", ["norm.weight", "norm.bias", "to_v.bias", "to_v.weight"])
def test_another_value_in_the_fold_alone_is_a_difference(
    rng: np.random.Generator, dtype: Any, part: str
) -> None:
    """The value took in a norm that differs in one place from the one kept for query and key."""
    model = make_model(rng)
    other = {name: values.copy() for name, values in model.items()}
    values = other[f"layers.1.{part}"].reshape(-1)
    values[np.abs(values).argmax()] *= 1.1
    graph, changed = make_graph(model, dtype), make_graph(other, dtype)
    for name in ("const_6", "const_7"):
        graph[name] = changed[name]
    report = diff(Checkpoint.of(model), Checkpoint.of(graph))
    assert report.verdict is Verdict.DIVERGENT


def test_gain_and_shift_stay_matched_where_the_fold_is_refuted(rng: np.random.Generator) -> None:
    model = make_model(rng)
    graph = make_graph(model, np.float32)
    graph["const_7"] = graph["const_7"] + 1
    found = aligned(model, graph)
    partners = {match.a[0]: match.b for match in found.matches if len(match.a) == 1}
    assert partners["layers.1.norm.weight"] == ("const_11",)
    assert partners["layers.1.norm.bias"] == ("const_10",)
    assert "layers.1.to_v.weight" in found.only_in_a
