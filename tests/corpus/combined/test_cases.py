"""The sample of all corpora that `diagnose` is judged by: fair every day, right in the slow suite."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("torch")
pytest.importorskip("mlx.core")

from corpus.combined.cases import (
    CaseAnswer,
    iter_computation_cases,
    iter_healthy_cases,
    iter_planted_cases,
    iter_weight_cases,
    judge_case,
)
from corpus.computation.plants import PLANTS
from corpus.plant import list_planters

MIN_TOP1 = 0.90


def test_every_defect_of_weights_comes_up_twice() -> None:
    counts = Counter(cause for case in iter_weight_cases(2) for cause in case.causes)
    assert set(counts) == {cause for cause in list_planters() if not cause.startswith("port:")}
    assert min(counts.values()) >= 2


def test_every_mistake_of_computation_comes_up() -> None:
    counts = Counter(cause for case in iter_computation_cases(2) for cause in case.causes)
    assert set(counts) == {plant.cause for plant in PLANTS}


def told(answers: list[CaseAnswer]) -> list[str]:
    return [
        f"{one.case.kind} {one.case.label}: {one.named_cause}"
        for one in answers
        if not one.is_right
    ]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_planted_cause_comes_first() -> None:
    pytest.importorskip("espeakng_loader")
    answers = [judge_case(case) for case in iter_planted_cases(2)]
    for kind in ("weights", "computation", "sound", "stories"):
        group = [one for one in answers if one.case.kind == kind]
        assert sum(one.is_right for one in group) >= MIN_TOP1 * len(group), told(group)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_is_right_is_called_so() -> None:
    pytest.importorskip("espeakng_loader")
    assert told([judge_case(case) for case in iter_healthy_cases(2)]) == []
