"""A warning where rounding alone leaves more than 5 % at the output."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from auscult.finding import Severity
from auscult.verbs.compare.compare import compare
from auscult.verdict import Verdict
from tests.explain.mistakes.called_net import Net

X = {"x": np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)}


def round_weights(model: nn.Module, bits: int) -> nn.Module:
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for weight in rounded.parameters():
            if weight.ndim > 1:
                step = weight.abs().max() / (2 ** (bits - 1) - 1)
                weight.copy_((weight / step).round() * step)
    return rounded


@pytest.mark.parametrize(("bits", "warned"), [(4, True), (8, False)])
def test_a_warning_where_rounding_leaves_more_than_5_percent(bits: int, warned: bool) -> None:
    report = compare(Net(), round_weights(Net(), bits), inputs=X)
    assert report.verdict is Verdict.EQUIVALENT
    assert [(f.cause, f.severity) for f in report.findings] == [
        ("coarse-rounding", Severity.WARNING)
    ] * warned
    for finding in report.findings:
        assert finding.evidence["error"] > 0.05
        assert f"{finding.evidence['error']:.2g}" in finding.message
