"""A BatchNorm that a converter keeps as one factor and one summand for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Equality, Verdict
from auscult.weights import Checkpoint
from tests.align.pairs import Arrays, aligned

CHANNELS = 24
NORMS = ("bn1", "bn2")


def make_model(rng: np.random.Generator) -> Arrays:
    """A convolution, then ReLU and two norms with another convolution between them."""
    model = {"conv.weight": rng.normal(size=(CHANNELS, CHANNELS, 3))}
    for norm in NORMS:
        model[f"{norm}.weight"] = rng.uniform(0.5, 1.5, CHANNELS)
        model[f"{norm}.bias"] = rng.normal(size=CHANNELS)
        model[f"{norm}.running_mean"] = rng.normal(size=CHANNELS)
        model[f"{norm}.running_var"] = rng.uniform(0.1, 2, CHANNELS)
    return {name: values.astype(np.float32) for name, values in model.items()}


def make_graph(model: Arrays, eps: float, dtype: Any) -> Arrays:
    """Numbered constants; the factors and summands [1, channels, 1]."""
    graph = {"const_0": model["conv.weight"]}
    for norm in NORMS:
        scale = model[f"{norm}.weight"] / np.sqrt(model[f"{norm}.running_var"] + np.float32(eps))
        shift = model[f"{norm}.bias"] - model[f"{norm}.running_mean"] * scale
        for values in (shift, scale):
            graph[f"const_{len(graph)}"] = values.reshape(1, CHANNELS, 1)
    return {name: values.astype(dtype) for name, values in graph.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("eps", [1e-5, 1e-3])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_every_norm_is_found(
    rng: np.random.Generator, dtype: Any, eps: float, *, is_swapped: bool
) -> None:
    model = make_model(rng)
    graph = make_graph(model, eps, dtype)
    found = aligned(graph, model) if is_swapped else aligned(model, graph)
    assert (found.only_in_a, found.only_in_b) == ((), ())
    folds = [match for match in found.matches if match.cause == "norm-folded"]
    assert [match.equality is not Equality.DIFFERENT for match in folds] == [True, True]
    files = (graph, model) if is_swapped else (model, graph)
    assert diff(*map(Checkpoint.of, files)).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("part", ["weight", "bias", "running_mean", "running_var"])
def test_another_norm_is_not_equal(rng: np.random.Generator, dtype: Any, part: str) -> None:
    """One channel's value is 5 % larger on the graph's side."""
    model = make_model(rng)
    other = {name: values.copy() for name, values in model.items()}
    channel = np.abs(other[f"bn2.{part}"]).argmax()
    other[f"bn2.{part}"][channel] *= 1.05
    report = diff(Checkpoint.of(model), Checkpoint.of(make_graph(other, 1e-5, dtype)))
    assert report.verdict is Verdict.DIVERGENT


def test_the_mean_must_not_be_forgotten(rng: np.random.Generator) -> None:
    model = make_model(rng)
    other = {name: 0 * a if name.endswith("mean") else a for name, a in model.items()}
    report = diff(Checkpoint.of(model), Checkpoint.of(make_graph(other, 1e-5, np.float32)))
    assert report.verdict is Verdict.DIVERGENT
