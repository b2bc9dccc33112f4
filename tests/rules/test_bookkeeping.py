"""Flags and counters of a training make no difference; a learnt number of the same name does."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Checkpoint
from tests.align.pairs import Arrays


def weights() -> Arrays:
    rng = np.random.default_rng(0)
    return {f"layers.{i}.weight": rng.standard_normal((8, 4), np.float32) for i in range(4)}


def counters(count: int) -> Arrays:
    """As ema_pytorch, LitEma, BatchNorm and audiocraft's codebooks save them."""
    return {
        "initted": np.array(count > 0),
        "step": np.array(count),
        "ema.num_updates": np.array(count, np.int32),
        "norm.num_batches_tracked": np.array(count),
        "quantizer.inited": np.full(1, count > 0, np.float32),
    }


@pytest.mark.parametrize("other", [{}, counters(0), counters(7)])
def test_counters_make_no_difference(other: Arrays) -> None:
    sides = weights() | counters(1200), weights() | other
    for reference, candidate in (sides, sides[::-1]):
        report = diff(Checkpoint.of(reference), Checkpoint.of(candidate))
        assert report.verdict is Verdict.EQUIVALENT
        assert "derived-buffer" in {finding.cause for finding in report.findings}
        assert {finding.severity for finding in report.findings} == {"info"}


@pytest.mark.parametrize("other", [{}, {"quantizer.step": np.array(0.0371, np.float32)}])
def test_a_learnt_step_size_is_a_weight(other: Arrays) -> None:
    reference = weights() | {"quantizer.step": np.array(0.041, np.float32)}
    report = diff(Checkpoint.of(reference), Checkpoint.of(weights() | other))
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].where == ("quantizer.step",)


def test_other_numbers_of_one_value_are_weights() -> None:
    report = diff(
        Checkpoint.of(weights() | {"logit_scale": np.array(2.0, np.float32)}),
        Checkpoint.of(weights()),
    )
    assert report.verdict is Verdict.DIVERGENT


def test_output_scales_of_quantised_modules_are_no_weights() -> None:
    """torch.ao.nn.quantized.Linear keeps its output's scale and zero point beside its packed weight."""
    outputs = {"layers.0.scale": np.array(1.0, np.float32), "layers.0.zero_point": np.array(0)}
    packed = {
        "layers.0._packed_params._packed_params.0": weights()["layers.0.weight"],
        **{name: array for name, array in weights().items() if name != "layers.0.weight"},
    }
    right = diff(Checkpoint.of(weights()), Checkpoint.of(packed | outputs))
    assert right.verdict is Verdict.EQUIVALENT
    unpacked = diff(Checkpoint.of(weights()), Checkpoint.of(weights() | outputs))
    assert unpacked.verdict is Verdict.DIVERGENT
