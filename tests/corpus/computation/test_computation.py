"""Each mistake planted in small networks in torch and MLX must be named and placed; correct ports must pass."""

from __future__ import annotations

import pytest

from auscult.explain.mistakes import iter_mistakes
from auscult.rules import every_rule
from corpus.computation.judge import FRAMEWORKS, find_port_alarm, iter_ports, judge_plant
from corpus.computation.plants import PLANTS, PlantedMistake

NAMED = {
    "activation-extra",
    "activation-missing",
    "attention-mask",
    "attention-scale",
    "batch-norm-train-mode",
    "bos-missing",
    "branch-cut",
    "branch-missing",
    "branch-sum-mean",
    "cfg-formula",
    "chaotic",
    "dilation",
    "dropout-active",
    "gate-order",
    "gelu-variant",
    "group-norm-convention",
    "gru-reset",
    "istft-normalisation",
    "istft-trim",
    "layer-norm-eps",
    "leaky-slope",
    "mask-not-applied",
    "noise-differs",
    "norm-order",
    "number-embedding",
    "padding-mode",
    "position-offset",
    "precision-drift",
    "precision-overflow",
    "relative-bias",
    "relative-shift",
    "residual-missing",
    "rope-convention",
    "sampler-mismatch",
    "sigma-schedule",
    "skip-order",
    "stride-padding",
    "time-embedding-order",
    "time-embedding-scale",
    "transform-invented",
    "upsample-mode",
    "velocity-zero",
}
# Every cause once, taking turns between the frameworks; the benchmark runs all of them in both.
FIRST = {plant.cause: plant for plant in reversed(PLANTS)}
DRAW = [
    pytest.param(plant, FRAMEWORKS[i % 2], id=f"{plant.label}-{FRAMEWORKS[i % 2]}")
    for i, plant in enumerate(FIRST.values())
]


def test_every_cause_of_the_catalogue_is_planted() -> None:
    assert sorted(NAMED - set(FIRST)) == []


def test_every_cause_that_a_mistake_may_name_has_a_rule() -> None:
    named = {mistake.name for mistake in iter_mistakes()}
    assert sorted(named - {rule.name for rule in every_rule()}) == []


def test_labels_are_unique() -> None:
    labels = [(plant.label, plant.path, plant.role, plant.mutate) for plant in PLANTS]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(("plant", "framework"), DRAW)
def test_answer(plant: PlantedMistake, framework: str) -> None:
    judged = judge_plant(plant, framework, 0) or judge_plant(plant, "torch", 0)
    assert judged is not None
    assert judged.top1, judged.answer
    assert judged.place, judged.answer


@pytest.mark.parametrize(("name", "port"), [(name, port) for name, port, _ in iter_ports()])
def test_a_correct_port_raises_no_alarm(name: str, port: str) -> None:
    assert find_port_alarm(name, port, 0) == ""
