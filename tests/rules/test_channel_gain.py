"""Gains of channels that were left out of a weight or put in twice; right fusions, one factor and other trainings are no alarm."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.rules.diff.evidence.slice_factors import find_slice_factors
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Array, Checkpoint

RNG = np.random.default_rng(5)
V = RNG.standard_normal((24, 16, 7)).astype(np.float32)
G = RNG.uniform(0.5, 2.0, (24, 1, 1)).astype(np.float32)
REST = {
    "norm.weight": RNG.standard_normal(24).astype(np.float32),
    "out.weight": RNG.standard_normal((8, 24)).astype(np.float32),
}


def take_norm(*axes: int) -> Array:
    return np.sqrt((V.astype(np.float64) ** 2).sum(axes, keepdims=True))


FUSED = (G * V / take_norm(1, 2)).astype(np.float32)
SPLIT = {"conv.weight_g": G, "conv.weight_v": V}


def run(reference: dict[str, Array], candidate: dict[str, Array]) -> Report:
    return diff(Checkpoint.of(REST | reference, "a"), Checkpoint.of(REST | candidate, "b"))


def test_right_fusions_are_equal() -> None:
    for sides in ((SPLIT, {"conv.weight": FUSED}), ({"conv.weight": FUSED}, SPLIT)):
        assert run(*sides).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize(
    ("wrong", "fusion"),
    [(V, "v"), (G * V, "g·v"), ((V / take_norm(1, 2)).astype(np.float32), "v/‖v‖")],
)
def test_wrong_fusions_of_g_and_v(wrong: Array, fusion: str) -> None:
    for sides in ((SPLIT, {"conv.weight": wrong}), ({"conv.weight": wrong}, SPLIT)):
        (finding,) = run(*sides).findings
        assert (finding.cause, set(finding.where)) == ("channel-gain", set(sides[1]))
        assert finding.evidence["fusion"] == fusion


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 2), (0, 1, 2)])
def test_the_norm_over_other_axes(axes: tuple[int, ...]) -> None:
    wrong = (G * V / take_norm(*axes)).astype(np.float32)
    report = run(SPLIT, {"conv.weight": wrong})
    assert [finding.cause for finding in report.findings] == ["weight-norm-axis"]
    assert report.verdict is Verdict.DIVERGENT


@pytest.mark.parametrize(
    ("wrong", "axes"),
    [(V, [0]), (G * V, [0]), ((G * V / take_norm(1)).astype(np.float32), [0, 2])],
)
def test_against_the_fused_weight(wrong: Array, axes: list[int]) -> None:
    (finding,) = run({"conv.weight": FUSED}, {"conv.weight": wrong}).findings
    assert (finding.cause, finding.where) == ("channel-gain", ("conv.weight",))
    assert (finding.evidence["fusion"], finding.evidence["axes"]) == ("factors", axes)


def test_v_alone() -> None:
    alone = {"conv.weight_v": V}
    for sides in (({"conv.weight": FUSED}, alone), (alone, {"conv.weight": FUSED})):
        (finding,) = run(*sides).findings
        assert finding.cause == "channel-gain"
        assert "only v of a weight norm" in finding.message
    (finding,) = run(SPLIT, alone).findings
    assert (finding.cause, finding.where) == ("tensor-missing", ("conv.weight_g",))
    assert "only v, without the gain g" in finding.message
    (finding,) = run(SPLIT, {"conv.weight_g": G}).findings
    assert "gain" not in finding.message


def test_one_factor_and_another_training_are_no_gains() -> None:
    tuned = FUSED + 0.1 * FUSED.std() * RNG.standard_normal(FUSED.shape).astype(np.float32)
    other = RNG.standard_normal(FUSED.shape).astype(np.float32) * FUSED.std()
    for candidate in (2 * FUSED, tuned, other, 1e-6 * other):
        report = run({"conv.weight": FUSED}, {"conv.weight": candidate})
        assert report.verdict is Verdict.DIVERGENT
        assert "channel-gain" not in {finding.cause for finding in report.findings}


def test_factors_of_slices() -> None:
    gains = RNG.uniform(0.5, 2.0, (1, 300, 1))
    reference = RNG.standard_normal((130, 300, 3))
    factors = find_slice_factors(gains * reference, reference)
    assert factors is not None
    assert factors.axes == (1,)
    assert factors.largest == pytest.approx(gains.max())
    assert find_slice_factors(reference, reference) is None
    changed = gains * reference
    changed[1] = 0.0  # not among the places that are looked at first
    changed[3:64:2] = 0.0
    assert find_slice_factors(changed, reference) is None
