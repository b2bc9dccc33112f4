"""A window is the same window whatever library computed it and however it is shaped; another window is not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

LENGTHS = (16, 400, 1024)


def hann(length: int) -> np.ndarray:
    """torch's, computed in float32."""
    return np.asarray(torch.hann_window(length).numpy())


def run(window: np.ndarray, other: np.ndarray) -> Report:
    weights = {"out.weight": np.random.default_rng(0).standard_normal((8, 6), np.float32)}
    return diff(
        Checkpoint.of(weights | {"stft.window": window}),
        Checkpoint.of(weights | {"stft.window": other}),
    )


@pytest.mark.parametrize("length", LENGTHS)
def test_other_forms_of_one_window(length: int) -> None:
    computed = scipy.signal.get_window("hann", length).astype(np.float32)
    assert not np.array_equal(hann(length), computed)
    for form in (computed, computed.reshape(1, 1, -1), computed.astype(np.float16)):
        for pair in ((hann(length), form), (form, hann(length))):
            report = run(*pair)
            assert report.verdict is Verdict.EQUIVALENT
            assert {finding.severity for finding in report.findings} <= {"info"}


@pytest.mark.parametrize("length", LENGTHS)
def test_other_windows(length: int) -> None:
    symmetric = scipy.signal.get_window("hann", length, fftbins=False)
    hamming = scipy.signal.get_window("hamming", length)
    window = hann(length)
    for other in (symmetric, hamming, window**2, window**0.5, window / 2, window[None, None] ** 2):
        report = run(window, other.astype(np.float32))
        assert report.verdict is Verdict.DIVERGENT
        assert report.findings[0].where == ("stft.window",)
        assert report.findings[0].cause not in {"width", "partial-load"}


def test_a_weight_of_another_name_has_no_such_margin() -> None:
    values = hann(1024)
    other = scipy.signal.get_window("hann", 1024).astype(np.float32)
    report = diff(Checkpoint.of({"out.bias": values}), Checkpoint.of({"out.bias": other}))
    assert report.verdict is Verdict.DIVERGENT
