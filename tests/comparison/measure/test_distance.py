"""How far two records are apart, from whatever was kept of them."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.comparison.measure.distance import (
    INFINITE_ERROR,
    RecordDistance,
    learn_axis_order,
    measure_array_distance,
    measure_distance,
)
from auscult.traces.records import Manifest, Trace
from auscult.traces.sketch import sample_elements, sketch_tensor
from auscult.weights import Array
from tests.hand_made import make_noise, make_record

X = make_noise(2, 40, 30)
NEAR = X + np.float32(0.1) * make_noise(2, 40, 30, seed=1)


def make_stored(array: Array, stored: str) -> Trace:
    record = make_record("a", array, stored=stored)
    values = {
        "a#0:output": sample_elements(array) if stored == "sample" else array,
        "a#0:output~sketch": sketch_tensor(array),
    }
    return Trace(Manifest("numpy"), (record,), values.__getitem__)


def measure(reference: Array, candidate: Array, *stored: str) -> RecordDistance:
    ref, cand = make_stored(reference, stored[0]), make_stored(candidate, stored[-1])
    return measure_distance(ref, ref.records[0], cand, cand.records[0], {})


@pytest.mark.parametrize(
    ("stored", "how", "tolerance"),
    [
        (("full",), "values", 1e-6),
        (("sketch",), "sketch", 0.15),
        (("full", "sketch"), "sketch", 0.15),
        (("sample",), "sample", 0.1),
    ],
)
def test_ten_percent_of_noise_is_ten_percent(
    stored: tuple[str, ...], how: str, tolerance: float
) -> None:
    distance = measure(X, NEAR, *stored)
    expected = np.linalg.norm(NEAR - X) / np.linalg.norm(X)
    assert distance.how == how
    assert distance.error == pytest.approx(expected, rel=tolerance)
    assert measure(X, X, *stored).error == 0.0


def test_statistics_see_a_gain_but_not_an_order() -> None:
    assert measure(X, X * 2, "statistics").error >= 1.0
    assert measure(X, X[:, ::-1], "statistics").error == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("stored", ["full", "sketch", "statistics"])
def test_another_shape_or_a_nan_is_infinitely_far(stored: str) -> None:
    distance = measure(X, X[:, :39], stored)
    assert distance.error == INFINITE_ERROR
    assert distance.reason.startswith("shape [2, 39, 30]")
    holed = X.copy()
    holed[0, 0, 0] = np.nan
    assert measure(X, holed, stored).error == INFINITE_ERROR


def test_rows_of_guidance_that_say_the_same_count_once() -> None:
    doubled = np.concatenate([X[:1], X[:1]])
    assert measure_array_distance(X[:1], doubled, {}).error == 0.0
    assert measure_array_distance(X[:1], X, {}).error == INFINITE_ERROR


def test_axes_are_learned_where_something_tells() -> None:
    assert learn_axis_order(X, X.transpose(0, 2, 1)) == (0, 2, 1)
    assert learn_axis_order(make_noise(4, 4), make_noise(4, 4, seed=3)) is None
    assert learn_axis_order(make_noise(1, 9), make_noise(9, 1)) is None
