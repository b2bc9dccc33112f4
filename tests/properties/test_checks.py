"""Faults that are planted in small nets, each with the module where it breaks, and right nets beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from auscult.finding import Finding, Severity
from auscult.verbs.check.check import check
from auscult.verdict import Report, Verdict
from tests.properties.checked_networks import (
    BatchStatisticsNorm,
    ConvVocoder,
    LeakyState,
    Snake,
    StreamingGru,
    Transformer,
)

RNG = np.random.default_rng(0)
MEL = RNG.standard_normal((1, 8, 64)).astype(np.float32)
FRAMES = RNG.standard_normal((1, 64, 8)).astype(np.float32)
MASK = np.ones((1, 64), np.int64)
CHEAP = ["determinism", "mode", "batch", "padding", "streaming", "shift"]


def run_check(model: nn.Module, array: np.ndarray = MEL, **options: Any) -> Report:
    return check(model, {"0": array}, **{"only": CHEAP, **options})


def find_cause(report: Report, cause: str) -> Finding:
    return next(finding for finding in report.findings if finding.cause == cause)


def list_causes(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings if finding.severity is not Severity.INFO]


@pytest.mark.parametrize(
    ("model", "array", "options"),
    [
        (ConvVocoder().eval(), MEL, {}),
        (ConvVocoder(nn.BatchNorm1d(12)).eval(), MEL, {}),
        (ConvVocoder(nn.InstanceNorm1d(12)).eval(), MEL, {}),
        (ConvVocoder().train(), MEL, {}),
        (ConvVocoder().eval(), MEL, {"chunk": 16, "overlap": 4, "lookahead": 4}),
        (StreamingGru().eval(), FRAMES, {"chunk": 16}),
        (Transformer().eval(), FRAMES, {}),
    ],
    ids=["conv", "batch norm", "instance norm", "train", "windows", "stream", "transformer"],
)
def test_a_right_model_passes(model: nn.Module, array: np.ndarray, options: dict[str, Any]) -> None:
    report = run_check(model, array, **options)
    assert report.verdict is Verdict.PASS
    assert list_causes(report) == []


def test_a_mask_that_is_heeded_passes() -> None:
    report = check(Transformer().eval(), {"x": FRAMES, "attention_mask": MASK}, only=["padding"])
    assert report.verdict is Verdict.PASS
    assert report.findings == ()


@pytest.mark.parametrize(
    ("model", "array", "options", "cause", "place"),
    [
        (ConvVocoder(nn.BatchNorm1d(12)).train(), MEL, {}, "training-mode", "norm"),
        (ConvVocoder(dropout=0.5).eval(), MEL, {}, "dropout-active", "(model)"),
        (ConvVocoder(BatchStatisticsNorm()).eval(), MEL, {}, "batch-mixed", "norm"),
        (
            ConvVocoder(nn.BatchNorm1d(12, track_running_stats=False)).eval(),
            MEL,
            {},
            "batch-mixed",
            "norm",
        ),
        (LeakyState().eval(), FRAMES, {}, "state-left", "cell"),
        (
            StreamingGru(is_forgetting=True).eval(),
            FRAMES,
            {"chunk": 16},
            "state-not-carried",
            "cell",
        ),
        (
            ConvVocoder().eval(),
            MEL,
            {"chunk": 16, "overlap": 1, "lookahead": 4},
            "overlap-short",
            "",
        ),
    ],
    ids=[
        *("train", "dropout", "batch axis", "no running statistics", "state left"),
        *("state not carried", "overlap"),
    ],
)
def test_a_planted_fault_is_found_at_its_place(
    model: nn.Module, array: np.ndarray, options: dict[str, Any], cause: str, place: str
) -> None:
    report = run_check(model, array, **options)
    assert report.verdict is Verdict.DIVERGENT
    assert list_causes(report) == [cause]
    assert not place or find_cause(report, cause).where[0] == place


@pytest.mark.parametrize(
    ("heeding", "masking", "cause", "place"),
    [
        (False, False, "mask-ignored", "attention"),
        (False, True, "padding-leaks", "attention"),
        (True, False, "padding-leaks", "conv"),
    ],
)
def test_a_mask_that_does_not_hold_is_found(
    heeding: bool, masking: bool, cause: str, place: str
) -> None:
    model = Transformer(is_heeding=heeding, is_masking_convolution=masking).eval()
    report = check(model, {"x": FRAMES, "attention_mask": MASK}, only=["padding"])
    assert report.verdict is Verdict.DIVERGENT
    assert find_cause(report, cause).where[0] == place
    unasked = check(model, {"x": FRAMES}, only=["padding"])
    assert unasked.verdict is Verdict.PASS  # nobody gave a mask: it is told, and no fault
    assert find_cause(unasked, cause).severity is Severity.WARNING


def test_noise_is_told_and_a_fault_only_where_repeatable_runs_are_expected() -> None:
    model = ConvVocoder(noise=0.1).eval()
    report = run_check(model)
    assert report.verdict is Verdict.PASS
    assert find_cause(report, "noise-drawn").severity is Severity.WARNING
    expected = run_check(model, only=["determinism"], expect=["determinism"])
    assert expected.verdict is Verdict.DIVERGENT


def test_dropout_that_is_meant_is_allowed() -> None:
    report = run_check(ConvVocoder(dropout=0.5).eval(), allow=["determinism"])
    assert report.verdict is Verdict.PASS
    assert find_cause(report, "dropout-active").severity is Severity.INFO


def test_the_overlap_that_is_needed_is_named() -> None:
    report = run_check(ConvVocoder().eval(), chunk=16, only=["streaming"])
    finding = find_cause(report, "overlap-short")
    assert finding.evidence["past"] == finding.evidence["future"] == 4
    assert finding.fix is not None
    assert finding.fix.summary.startswith("--overlap 4 --lookahead 4")


def test_a_boundary_that_loses_samples() -> None:
    unpadded = nn.Sequential(nn.Conv1d(8, 8, 3), nn.Conv1d(8, 1, 5)).eval()
    report = run_check(unpadded, chunk=16, only=["streaming"])
    assert find_cause(report, "boundary-samples").evidence["lost_per_boundary"] == 6
    right = run_check(unpadded, chunk=16, lookahead=6, only=["streaming"])
    assert right.verdict is Verdict.PASS


def test_overflow_in_half_precision() -> None:
    broken = ConvVocoder(Snake()).eval()
    told = run_check(broken, only=["precision"])
    assert told.verdict is Verdict.PASS
    finding = find_cause(told, "half-overflow")
    assert (finding.where, finding.severity) == (("norm",), Severity.WARNING)
    asked = run_check(broken, only=["precision"], expect_formats=["float16"])
    assert asked.verdict is Verdict.DIVERGENT
    right = run_check(
        ConvVocoder(Snake(eps=1e-4)).eval(), only=["precision"], expect_formats=["float16"]
    )
    assert right.verdict is Verdict.PASS


def test_the_layers_to_keep_hold_the_error_within_the_bound() -> None:
    report = run_check(
        ConvVocoder().eval(), only=["precision"], formats=["bfloat16"], max_error=1.5e-3
    )
    (row,) = report.extra["precision"]
    assert row["error"] > 1.5e-3 >= row["error_with_kept"]
    assert 0 < len(row["kept"]) < len(row["layers"])
    assert row["kept"][0] == row["layers"][0]["path"]


def test_headroom_counts_a_louder_input() -> None:
    model = ConvVocoder().eval()
    loud = run_check(model, MEL * 4e3, only=["headroom"])
    assert find_cause(loud, "half-headroom").where[0] == "pre"
    assert run_check(model, only=["headroom"]).findings == ()


def test_what_models_need_not_have_is_asked_for_by_name() -> None:
    model = ConvVocoder().eval()
    assert run_check(model, only=["gain"]).verdict is Verdict.PASS
    report = run_check(model, only=["gain"], expect=["gain"])
    assert report.verdict is Verdict.DIVERGENT
    linear = nn.Conv1d(8, 1, 3, bias=False).eval()
    assert run_check(linear, only=["gain"], expect=["gain"]).verdict is Verdict.PASS


def test_exchanged_channels() -> None:
    stereo = RNG.standard_normal((1, 2, 64)).astype(np.float32)
    unequal = nn.Conv1d(2, 2, 3, padding=1).eval()
    equal = nn.Tanh()
    options = {"only": ["channels"], "expect": ["channels"]}
    assert run_check(unequal, stereo, **options).verdict is Verdict.DIVERGENT
    assert run_check(equal, stereo, **options).verdict is Verdict.PASS


class Positions(nn.Module):
    """Adds a table by position."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.table = nn.Parameter(RNG_TABLE)

    def forward(self, x: Any) -> Any:
        return self.conv(x) + self.table[:, : x.shape[-1]]


RNG_TABLE = nn.Parameter(nn.Linear(128, 8).weight.detach().clone())


def test_a_delay() -> None:
    report = run_check(Positions().eval(), only=["shift"], expect=["shift"])
    assert list_causes(report) == ["not-shift-invariant"]
    assert run_check(ConvVocoder().eval(), only=["shift"]).verdict is Verdict.PASS


class Float32Alone(ConvVocoder):
    """Refuses any other type, as code with fixed tables may."""

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        if mel.dtype != torch.float32:
            raise TypeError("float32 alone")
        return super().forward(mel)


def test_a_model_that_knows_no_float64_says_so_where_rounding_was_in_question() -> None:
    report = run_check(Float32Alone(BatchStatisticsNorm()).eval(), only=["batch", "shift"])
    reasons = [skip.reason for skip in report.skips]
    assert any("no run in float64" in reason and "float32 alone" in reason for reason in reasons)
    assert sum("no run in float64" in reason for reason in reasons) == 1
    right = run_check(Float32Alone().eval(), only=["batch"])
    assert right.verdict is Verdict.PASS
    assert not right.skips
