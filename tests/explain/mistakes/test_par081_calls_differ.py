"""Layers that one side calls more often than the other."""

from __future__ import annotations

import numpy as np

from auscult.finding import Severity
from auscult.verbs.compare.compare import compare
from auscult.verdict import Verdict
from tests.explain.mistakes.called_net import Net

X = {"x": np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)}


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
