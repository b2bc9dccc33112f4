"""The search on landscapes whose answer is known: what must be found, and what must be left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.sound.settle import Distances, frame_distances, settle_choices, stationary_distance

FRAMES = 120
CHOICES: dict[str, tuple[Any, ...]] = {
    "a": (0, 1, 2),
    "b": (0, 1),
    "c": (0, 1, 2, 3),
    "d": (False, True),
}
TARGET = np.random.default_rng(0).standard_normal((8, FRAMES)).astype(np.float32)
STATIONARY = stationary_distance(TARGET)


def landscape(
    truth: Mapping[str, Any], *, seed: int = 0, noise: float = 0.05, floor: float = 0.1
) -> Any:
    """Every wrong value adds to the distance of every frame; the frames scatter, the same way for every reading."""
    scatter = np.abs(np.random.default_rng(seed).standard_normal(FRAMES)) * noise

    def score(values: Mapping[str, Any]) -> Distances:
        wrong = sum(values[name] != truth[name] for name in truth)
        own = (
            np.random.default_rng([seed, *(int(values[name]) for name in values)]).standard_normal(
                FRAMES
            )
            * noise
            * 0.3
        )
        return np.asarray(np.maximum(floor * STATIONARY + scatter + 0.2 * wrong + own, 0.0))

    return score


@given(
    truth=st.fixed_dictionaries(
        {name: st.sampled_from(options) for name, options in CHOICES.items()}
    ),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_finds_the_truth_from_any_start(truth: dict[str, Any], seed: int) -> None:
    start = {name: options[0] for name, options in CHOICES.items()}
    found = settle_choices(CHOICES, {"start": start}, landscape(truth, seed=seed), TARGET)
    assert found.works
    assert dict(found.best.values) == truth
    assert all(choice.settled for choice in found.choices)
    assert found.confidence > 0.99


def test_two_changes_that_only_help_together_are_found() -> None:
    def score(values: Mapping[str, Any]) -> Distances:
        both = values["a"] == 2 and values["b"] == 1
        either = values["a"] == 2 or values["b"] == 1
        return np.full(FRAMES, (0.05 if both else 0.4 if either else 0.3) * STATIONARY)

    found = settle_choices({"a": (0, 2), "b": (0, 1)}, {"start": {"a": 0, "b": 0}}, score, TARGET)
    assert dict(found.best.values) == {"a": 2, "b": 1}


def test_a_choice_without_effect_stays_open() -> None:
    truth = {"a": 1, "b": 0}
    base = landscape(truth)

    def score(values: Mapping[str, Any]) -> Distances:
        return np.asarray(base({"a": values["a"], "b": values["b"]}))

    found = settle_choices(
        {**{n: CHOICES[n] for n in "ab"}, "d": (False, True)},
        {"s": {"a": 0, "b": 0, "d": False}},
        score,
        TARGET,
    )
    outcome = {choice.field: choice for choice in found.choices}
    assert outcome["a"].settled
    assert not outcome["d"].settled
    assert outcome["d"].sigmas == 0.0
    assert len({tuple(trial.values.items()) for trial in found.trials}) == len(found.trials)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_settled_where_no_reading_works(seed: int) -> None:
    found = settle_choices(
        CHOICES,
        {"s": {n: o[0] for n, o in CHOICES.items()}},
        landscape({"a": 1, "b": 1, "c": 2, "d": True}, floor=0.9),
        TARGET,
    )
    assert not found.works
    assert found.confidence == 0.0
    assert not any(choice.settled for choice in found.choices)


def test_output_that_is_not_a_number_loses() -> None:
    def score(values: Mapping[str, Any]) -> Distances:
        return np.full(FRAMES, np.inf if values["b"] else 0.1 * STATIONARY)

    found = settle_choices({"b": (0, 1)}, {"s": {"b": 1}}, score, TARGET)
    assert found.best.values["b"] == 0
    assert found.choices[0].settled


def test_missing_frames_are_infinitely_far() -> None:
    distances = frame_distances(TARGET[:, :100], TARGET)
    assert (distances[:100] == 0).all()
    assert np.isinf(distances[100:]).all()
