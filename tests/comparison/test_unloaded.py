"""Weights that were never loaded, from fingerprints."""

from __future__ import annotations

import numpy as np

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.modules import ModuleTree
from auscult.comparison.unloaded import (
    WeightOwnership,
    compare_owned_weights,
    explain_ownership,
)
from auscult.traces.records import Manifest, Trace
from auscult.weights import Array, ModuleInfo
from tests.hand_made import make_noise, make_trace

X = make_noise(2, 5)
ALIGNMENT = LayerAlignment(tuple(LayerPair((p,), (p,), "name") for p in ("a", "b")))


def make_owners(a: Array, b: Array) -> ModuleTree:
    trace = make_trace([("a", X), ("b", X)], weights={"a": {"weight": a}, "b": {"weight": b}})
    modules = {p: ModuleInfo(p, "Linear", {"out_features": 32}) for p in ("a", "b")}
    manifest = Manifest("numpy", weights=trace.manifest.weights, modules=modules)
    return ModuleTree.of(Trace(manifest, trace.records, trace.values))


TRAINED = make_noise(32, 16), make_noise(32, 16, seed=1)
FRESH = np.random.default_rng(3).uniform(-0.25, 0.25, (32, 16)).astype(np.float32)


def own(a: Array, b: Array) -> WeightOwnership:
    return compare_owned_weights(make_owners(*TRAINED), make_owners(a, b), ALIGNMENT)


def test_whose_weights_a_layer_owns() -> None:
    first, second = TRAINED
    assert own(first.T.copy(), second) == WeightOwnership(("a", "b"), (), ())
    assert own(first.astype(np.float16), second).same == ("a", "b")
    assert own(first, 2 * second) == WeightOwnership(("a",), ("b",), ())
    assert own(first, FRESH) == WeightOwnership(("a",), ("b",), ("b",))


def test_the_ones_of_a_fresh_norm() -> None:
    assert own(TRAINED[0], np.ones((32, 16), np.float32)).fresh == ("b",)


def test_what_is_said_of_a_layer() -> None:
    assert explain_ownership(WeightOwnership(("a",), ("b",), ()), "a") is None
    causes = {
        "other-weights": WeightOwnership(("a",), ("b",), ()),
        "partial-load": WeightOwnership(("a",), ("b",), ("b",)),
        "untrained": WeightOwnership((), ("b",), ("b",)),
    }
    for cause, ownership in causes.items():
        explanation = explain_ownership(ownership, "b")
        assert explanation is not None
        assert (explanation.cause, explanation.reproduced) == (cause, False)


def test_a_stored_window_is_no_weight() -> None:
    def own_window(window: Array) -> ModuleTree:
        trace = make_trace([("a", X), ("b", X)], weights={"a": {"window": window}})
        modules = {"a": ModuleInfo("a", "Head")}
        manifest = Manifest("numpy", weights=trace.manifest.weights, modules=modules)
        return ModuleTree.of(Trace(manifest, trace.records, trace.values))

    periodic, symmetric = np.hanning(65)[:-1], np.hanning(64)
    trees = own_window(periodic), own_window(symmetric)
    ownership = compare_owned_weights(*trees, ALIGNMENT)
    explanation = explain_ownership(ownership, "a")
    assert explanation is not None
    assert explanation.cause == "istft-window"
    assert compare_owned_weights(trees[0], own_window(periodic), ALIGNMENT).windows == ()
