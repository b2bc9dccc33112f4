"""What nothing explains is said to be unexplained; a training, or a part trained further, is other weights."""

from __future__ import annotations

import numpy as np

from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Array, Checkpoint
from tests.rules.models import Arrays, filled, hifigan

NAME = "resblocks.4.convs1.0.weight"


def run(candidate: Arrays) -> Report:
    return diff(Checkpoint.of(hifigan(), "a"), Checkpoint.of(candidate, "b"))


def causes(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings]


def tune(array: Array, seed: int = 0) -> Array:
    noise = np.random.default_rng(seed).standard_normal(array.shape).astype(np.float32)
    tuned: Array = array + 0.05 * array.std() * noise
    return tuned


def test_one_foreign_tensor_among_equals() -> None:
    shape = hifigan()[NAME].shape
    report = run(hifigan() | filled({NAME: shape}, 99))
    assert causes(report) == ["unexplained"]
    assert report.findings[0].where == (NAME,)
    assert report.findings[0].confidence < 0.6
    assert report.verdict is Verdict.DIVERGENT


def test_values_of_another_size_are_no_training() -> None:
    other = hifigan(seed=9)
    other[NAME] = 1000 * other[NAME]
    report = run(other)
    by_cause = {finding.cause: finding for finding in report.findings}
    assert set(by_cause) == {"unexplained", "other-weights"}
    assert by_cause["unexplained"].where == (NAME,)


def test_a_training_that_started_from_another_spread_is_other_weights() -> None:
    other = hifigan(seed=9)
    other[NAME] = other[NAME] / 28
    assert causes(run(other)) == ["other-weights"]


def test_another_training_and_a_fine_tune_are_other_weights() -> None:
    assert causes(run(hifigan(seed=9))) == ["other-weights"]
    tuned = {name: tune(array) for name, array in hifigan().items()}
    report = run(tuned)
    assert causes(report) == ["other-weights"]
    assert report.findings[0].evidence["related"] is True


def test_a_part_that_was_trained_further_is_other_weights() -> None:
    part = {n: tune(a) for n, a in hifigan().items() if n.startswith("ups.")}
    assert causes(run(hifigan() | part)) == ["other-weights"]


def test_what_a_factor_or_an_offset_made_is_no_training() -> None:
    for change in (
        lambda x: 1.01 * x,
        lambda x: -x,
        lambda x: x - 1,
        lambda x: x.astype(np.float16) * 2,
    ):
        report = run(hifigan() | {NAME: change(hifigan()[NAME]).astype(np.float32)})
        assert causes(report) == ["unexplained"]
        assert "a factor or an offset" in report.findings[0].message
        assert report.verdict is Verdict.DIVERGENT


def test_a_small_fine_tune_is_no_factor() -> None:
    tuned = hifigan()
    noise = np.random.default_rng(0).standard_normal(tuned[NAME].shape).astype(np.float32)
    tuned[NAME] = tuned[NAME] + 1e-3 * tuned[NAME].std() * noise
    assert causes(run(tuned)) == ["other-weights"]


def test_values_in_an_order_that_has_no_rule_are_said() -> None:
    good = {
        f"layers.{index}.q.weight": np.random.default_rng(index).standard_normal(
            (16, 8), np.float32
        )
        for index in range(4)
    }
    name = "layers.1.q.weight"
    halves = good[name].reshape(2, 2, 4, 8).transpose(0, 2, 1, 3).reshape(16, 8)
    report = diff(Checkpoint.of(good, "a"), Checkpoint.of(good | {name: halves}, "b"))
    assert report.verdict is Verdict.DIVERGENT
    assert [finding.where for finding in report.findings] == [(name,)]
