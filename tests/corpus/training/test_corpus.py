"""Does preflight name what was planted, and leave healthy trainers alone? A few cases each day, all of them in the slow suite."""

from __future__ import annotations

import pytest
import torch

from auscult.finding import Severity
from auscult.report.text import render
from auscult.verbs.preflight import preflight
from corpus.training import collapsed_codec
from corpus.training.corpus import (
    TrainingCase,
    find_alarms,
    find_first_cause,
    iter_healthy_cases,
    iter_planted_cases,
    run_preflight,
)

DAILY = (
    "gradient-scale/each book/dac/0",
    "straight-through-missing/no estimate/encodec/0",
    "length-mismatch/twice too long/hifigan/0",
    "misaligned-target/exchanged/hifigan/0",
    "norm-kills-gain/instance norm/hifigan/0",
    "loss-blind/random filters/hifigan/0",
    "frozen-by-accident/replaced part/hifigan/0",
    "cannot-overfit/negated/hifigan/0",
)
MIN_TOP1, MAX_FALSE_ALARMS = 0.95, 0.01


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_every_variant_is_in_the_corpus_once() -> None:
    labels = [case.label for case in (*iter_planted_cases(1), *iter_healthy_cases(1))]
    assert len(labels) == len(set(labels))
    assert set(DAILY) <= set(labels)


@pytest.mark.parametrize(
    "case",
    [case for case in iter_planted_cases(1) if case.label in DAILY],
    ids=lambda case: case.label,
)
def test_planted_cause_is_named_first(case: TrainingCase) -> None:
    report = run_preflight(case, steps=6)
    assert find_first_cause(report) == case.cause, render(report)


@pytest.mark.parametrize(
    "case",
    [c for c in iter_healthy_cases(1) if c.variant == "plain" and c.shape != "seed"],
    ids=lambda case: case.label,
)
def test_a_healthy_trainer_is_left_alone(case: TrainingCase) -> None:
    report = run_preflight(case, steps=6)
    assert find_alarms(report) == (), render(report)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_whole_corpus() -> None:
    wrong, false = [], []
    cases, ports = list(iter_planted_cases(1)), list(iter_healthy_cases(2))
    for case in cases:
        report = run_preflight(case)
        if find_first_cause(report) != case.cause:
            wrong.append(f"{case.label}: {find_first_cause(report)}")
    for case in ports:
        report = run_preflight(case)
        if find_alarms(report):
            false.append(f"{case.label}: {find_alarms(report)}")
    assert len(wrong) <= (1 - MIN_TOP1) * len(cases), wrong
    assert len(false) <= MAX_FALSE_ALARMS * len(ports), false


@pytest.mark.slow
def test_the_seeds_codec() -> None:
    """The story of devasphn/NewProject at 1c72334 ends in step 2."""
    report = preflight(collapsed_codec.make_trainer(), steps=8, seconds=100.0)
    found = {finding.cause: finding for finding in report.findings}
    assert [finding.cause for finding in report.findings][:3] == [
        "codebook-collapse",
        "gradient-scale",
        "codebook-double-update",
    ]
    assert found["codebook-collapse"].evidence["used_last"] == [1] * 8
    assert "thrown out of reach in step 1" in found["codebook-collapse"].message
    assert found["gradient-scale"].evidence["quantizer"]["factor"] == pytest.approx(8, abs=1e-3)
    assert (
        "the decoder gives 15,768 samples for 16,000; the model fills up the other 232"
        in found["length-mismatch"].message
    )
    assert found["loss-blind"].where == ("mel",)
    assert found["bitrate-bound"].evidence["bitrate"] == 16_000
    assert "1e-05 is too low" in found["learning-rate"].message
    symptom = found["amplitude-conflict"]
    assert symptom.severity is Severity.INFO
    assert "a tanh at the end" in symptom.message
    assert "A symptom, not the cause" in symptom.message
    assert [book["used"][1] for book in report.extra["preflight"]["books"]] == [1] * 8
