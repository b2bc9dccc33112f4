"""The noise floor: measured, scaled, estimated or given, and the limit above it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from auscult.comparison.measure.floor import (
    FLOOR_FACTOR,
    MAX_FLOOR_LIMIT,
    UNIT_ROUNDOFF,
    NoiseFloor,
    choose_second_precision,
    compute_least_floor,
    estimate_floor,
    find_best_floor,
    find_coarsest_dtype,
    floor_from_error,
    floor_from_second_run,
    measure_floor,
    measure_scaled_floor,
)
from auscult.errors import UsageError
from auscult.runtime.runner import Runner
from auscult.traces.records import Trace
from tests.hand_made import make_noise, make_trace

X = make_noise(4, 100)
TRACE = make_trace([("a", X), ("b", X * 2)])
LEAST = 2 * UNIT_ROUNDOFF["float32"]


class RoundingRunner:
    """Computes TRACE in any type but those that it has not."""

    framework, name = "numpy", "model"

    def __init__(self, dtype: str = "float32", missing: tuple[str, ...] = ()) -> None:
        self.dtype, self.missing = dtype, missing

    def at(self, dtype: str) -> RoundingRunner:
        if dtype in self.missing:
            raise UsageError(f"has no {dtype}", where="model")
        return RoundingRunner(dtype)

    def run(self, _: Mapping[str, Any], *, replay: Trace) -> Trace:
        rows = [(record.key, replay.tensor(record).astype(self.dtype)) for record in replay]
        return make_trace(rows)


def runner(*missing: str) -> Runner:
    return cast(Runner, RoundingRunner(missing=missing))


@pytest.mark.parametrize(
    ("ref", "cand", "second"),
    [
        ("float32", "float32", "float64"),
        ("float32", "bfloat16", "bfloat16"),
        ("float16", "float32", "float32"),
        ("float64", "float32", "float32"),
    ],
)
def test_the_second_precision(ref: str, cand: str, second: str) -> None:
    assert choose_second_precision(ref, cand) == second


def test_the_coarsest_type_of_a_run() -> None:
    assert find_coarsest_dtype(TRACE) == "float32"
    mixed = make_trace([("a", X), ("b", X.astype(np.float16)), ("c:noise", X.astype(np.float16))])
    mixed = replace(mixed, manifest=replace(mixed.manifest, dtype="mixed"))
    assert find_coarsest_dtype(mixed) == "float16"
    assert compute_least_floor(TRACE, mixed) == 2 * UNIT_ROUNDOFF["float16"]


def test_measured_from_a_second_run() -> None:
    second = make_trace([("a", X * np.float32(1.001)), ("b", X * 2)])
    floor = floor_from_second_run(TRACE, second, LEAST, "a second run")
    assert floor.how == "measured"
    assert floor.at(TRACE.records[0]) == pytest.approx(1e-3, rel=1e-2)
    assert floor.at(TRACE.records[1]) == LEAST  # exact by luck
    limit = floor.limit(TRACE.records[0])
    assert limit == pytest.approx(FLOOR_FACTOR * 1e-3 * (1 + 4 / 20), rel=1e-2)


def test_measured_with_a_runner() -> None:
    floor = measure_floor(TRACE, TRACE, runner(), {}, "float16")
    assert floor.what == "the reference in float16 against float32"
    assert 1e-5 < floor.at(TRACE.records[0]) < UNIT_ROUNDOFF["float16"]


def test_scaled_from_a_coarser_run_where_there_is_no_finer_one() -> None:
    scaled = measure_scaled_floor(TRACE, TRACE, runner(), {})
    coarse = measure_floor(TRACE, TRACE, runner(), {}, "float16")
    ratio = UNIT_ROUNDOFF["float32"] / UNIT_ROUNDOFF["float16"]
    key = TRACE.records[0].key
    assert scaled.errors[key] == pytest.approx(coarse.errors[key] * ratio)
    floor, reason = find_best_floor(TRACE, TRACE, runner("float64"), {})
    assert (floor.how, floor.errors) == ("measured", scaled.errors)
    assert "has no float64" in reason


def test_estimated_where_nothing_can_be_run() -> None:
    floor, reason = find_best_floor(TRACE, TRACE, None, None)
    assert (floor.how, reason) == ("estimated", "no live reference")
    first, second = (floor.at(record) for record in TRACE)
    assert second == pytest.approx(first * 2**0.5)
    nowhere, reason = find_best_floor(TRACE, TRACE, runner("float64", "float16"), {})
    assert nowhere.errors == estimate_floor(TRACE, TRACE).errors
    assert "has no float64" in reason


def test_given_is_the_limit_itself() -> None:
    assert floor_from_error(0.01).limit(TRACE.records[0]) == 0.01


def test_chaos_has_a_limit_all_the_same() -> None:
    wild = NoiseFloor("measured", "", {"a#0:output": 3.0})
    assert wild.limit(TRACE.records[0]) == MAX_FLOOR_LIMIT
    broken = NoiseFloor("measured", "", {"a#0:output": float("inf")}, LEAST, 1e-4)
    assert broken.at(TRACE.records[0]) == 1e-4
