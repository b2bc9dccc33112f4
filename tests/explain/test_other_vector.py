"""A layer handed another vector of the same speaker, an identity for a norm, noise that one side does not draw."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import TraceError
from auscult.explain.case import LayerCase
from auscult.explain.try_mistakes import explain_case
from auscult.runtime.noise import NoiseReplay
from auscult.traces.records import Manifest, Record, Trace
from auscult.traces.statistics import summarise_tensor
from auscult.weights import Array, ModuleInfo

RNG = np.random.default_rng(0)
VECTORS = {
    ":input": RNG.normal(size=(1, 24)).astype(np.float32),
    ":input.1": RNG.normal(size=(1, 32)).astype(np.float32),
}


def handed(got: Array, right: str) -> LayerCase:
    return LayerCase(
        "linear", ModuleInfo("linear", "Linear"), VECTORS[right], got, "input", context=VECTORS
    )


def test_another_vector_cut_or_filled_up_is_wiring() -> None:
    short, long = VECTORS[":input"], VECTORS[":input.1"]
    for got, right in ((long[:, :24], ":input"), (np.pad(short, [(0, 0), (0, 8)]), ":input.1")):
        best = explain_case(handed(got, right), 1e-7)[0]
        assert best.cause == "wiring"
        assert best.parameters["reference"] == right


def test_another_draw_of_the_same_vector_is_not() -> None:
    got = RNG.normal(size=(1, 24)).astype(np.float32)
    assert "wiring" not in {one.cause for one in explain_case(handed(got, ":input"), 1e-7)}


def test_an_identity_in_the_place_of_a_norm_is_a_missing_norm() -> None:
    x = RNG.normal(size=(1, 5, 8)).astype(np.float32)
    normed = ((x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)).astype(np.float32)
    for module, causes in (("LayerNorm", {"norm-missing"}), ("Linear", set())):
        case = LayerCase("layer", ModuleInfo("layer", module), normed, x, inputs={"input": x})
        found = {one.cause for one in explain_case(case, 1e-7) if one.reproduced}
        assert causes <= found
        assert ("norm-missing" in found) == bool(causes)


def noise(*draws: Array) -> Trace:
    records = tuple(
        Record(
            "",
            index,
            "noise",
            index,
            "normal",
            draw.shape,
            "float32",
            summarise_tensor(draw).statistics,
        )
        for index, draw in enumerate(draws)
    )
    tensors = dict(zip((record.key for record in records), draws, strict=True))
    return Trace(
        Manifest(framework="torch", noise=tuple(tensors)), records, lambda key, /: tensors[key]
    )


def test_a_draw_that_one_side_does_not_make_is_passed_over() -> None:
    start, phases, source = (
        RNG.normal(size=shape).astype(np.float32) for shape in ((1, 8, 42), (1, 3), (1, 3, 60))
    )
    replay = NoiseReplay(noise(start, phases, source))
    np.testing.assert_array_equal(replay.draw("randn", (1, 3)), phases)
    np.testing.assert_array_equal(replay.draw("randn", (1, 60, 3)), source.transpose(0, 2, 1))
    with pytest.raises(TraceError, match="holds no more noise"):
        replay.draw("randn", (1, 8, 42))
    with pytest.raises(TraceError, match="another shape"):
        NoiseReplay(noise(start, phases)).draw("randn", (5,))
