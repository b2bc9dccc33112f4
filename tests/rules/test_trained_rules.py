"""What a training reached, judged: each failure by its name, working models left alone."""

from __future__ import annotations

from typing import Any

import pytest

from auscult import rules
from auscult.finding import Severity
from auscult.rules.training.subject import TrainedSubject

RIGHT = {
    "snr": 12.0,
    "rms_ratio": 0.97,
    "correlation": 0.95,
    "dc": 0.0,
    "mel_l1": 0.8,
    "perplexity": [0.6, 0.5],
    "book_frames": [4000.0, 4000.0],
}
CURVE = (
    {"step": 0, "snr": 3.0, "rms_ratio": 0.7, "mel_l1": 1.9},
    {"step": 800, "snr": 12.1, "rms_ratio": 0.97, "mel_l1": 0.8},
)
UNMOVED = (CURVE[0], {**CURVE[0], "step": 800, "snr": 3.02})


def judge(figures: dict[str, Any], **changes: Any) -> list[str]:
    subject = TrainedSubject(
        **{
            "figures": {**RIGHT, **figures},
            "curve": CURVE,
            "steps": 800,
            "book_size": 512,
            **changes,
        }
    )
    findings, _ = rules.run_rules(subject, "training")
    assert all(finding.severity is Severity.ERROR for finding in findings)
    return [finding.cause for finding in findings]


@pytest.mark.parametrize(
    ("figures", "changes", "cause"),
    [
        ({"snr": float("nan"), "rms_ratio": float("nan")}, {}, "training-diverged"),
        ({"snr": 0.0, "rms_ratio": 0.0002}, {}, "trained-to-silence"),
        ({"snr": -3.0, "rms_ratio": 1.2}, {}, "nothing-learnt"),
        ({"snr": 3.02, "rms_ratio": 0.7}, {"curve": UNMOVED}, "nothing-learnt"),
        ({"snr": 0.5, "rms_ratio": 1.9}, {}, "wrong-level"),
        ({"snr": 6.0, "rms_ratio": 0.3}, {}, "wrong-level"),
        ({"perplexity": [0.6, 1 / 512]}, {}, "codebook-collapse"),
    ],
)
def test_each_failure_by_its_name(
    figures: dict[str, Any], changes: dict[str, Any], cause: str
) -> None:
    assert judge(figures, **changes) == [cause]


@pytest.mark.parametrize(
    ("figures", "changes"),
    [
        ({}, {}),
        # the least-squares answer at 1 dB is 0.45 of the recordings
        ({"snr": 1.0, "rms_ratio": 0.45}, {}),
        # a last book that eleven frames used
        ({"perplexity": [0.6, 1 / 512], "book_frames": [4000.0, 11.0]}, {}),
        # a codec without a loss on the waveform: the mel distance says that it learnt
        ({"snr": -2.0}, {"is_waveform_trained": False}),
        # a curve that does not begin at the start
        ({}, {"curve": ({**CURVE[1], "step": 700}, CURVE[1])}),
        # too short to say
        ({"snr": -3.0, "rms_ratio": 0.001}, {"steps": 40}),
    ],
)
def test_working_models_are_left_alone(figures: dict[str, Any], changes: dict[str, Any]) -> None:
    assert judge(figures, **changes) == []


def test_a_short_run_whose_figures_are_no_numbers_is_named() -> None:
    assert judge({"snr": float("inf")}, steps=40) == ["training-diverged"]
