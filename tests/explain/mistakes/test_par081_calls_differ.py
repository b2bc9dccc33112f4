"""Layers that one side calls more often than the other."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from auscult.finding import Severity
from auscult.verbs.compare.compare import compare
from auscult.verdict import Verdict

X = {"x": np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)}


class Net(nn.Module):
    """Two layers; the second is called `calls` times, on the same tensor unless it is chained."""

    def __init__(self, calls: int = 1, *, chained: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pre, self.post = nn.Linear(32, 64), nn.Linear(64, 64)
        self.calls, self.chained = calls, chained
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.pre(x))
        y = x
        for _ in range(self.calls):
            y = self.post(y if self.chained else x)
        return y


def test_calls_without_effect_are_an_information() -> None:
    report = compare(Net(), Net(calls=2), inputs=X)
    assert report.verdict is not Verdict.DIVERGENT
    assert [(f.cause, f.severity, f.where) for f in report.findings] == [
        ("calls-differ", Severity.INFO, ("post",))
    ]
    assert report.findings[0].evidence["calls"] == {"post": [1, 2]}


def test_a_lost_call_that_changes_the_output_is_a_warning() -> None:
    report = compare(Net(calls=2, chained=True), Net(), inputs=X)
    assert report.verdict in (Verdict.DIVERGENT, Verdict.INCONCLUSIVE)
    assert ("calls-differ", Severity.WARNING) in [(f.cause, f.severity) for f in report.findings]


def test_equal_calls_say_nothing() -> None:
    report = compare(Net(calls=2, chained=True), Net(calls=2, chained=True), inputs=X)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())
