"""A layer with an error of its own and no explanation."""

from __future__ import annotations

from auscult.comparison.results import LayerResult
from auscult.explain.mistakes.par099_unexplained import CODE, NAME, RANK
from auscult.finding import Finding
from auscult.rules.parity import CompareSubject, iter_findings
from tests.hand_made import make_noise, make_trace

TRACE = make_trace([("a", make_noise(3))])


def find(layer: LayerResult) -> list[Finding]:
    return list(iter_findings(CompareSubject(TRACE, TRACE, (layer,))))


def test_an_error_without_a_cause() -> None:
    (finding,) = find(LayerResult("a", "a", 0.5, 1e-6, born=True))
    assert (finding.code, finding.cause, finding.rank) == (CODE, NAME, RANK)
    assert finding.message == "a is 0.5 off (floor 1e-06), and no known mistake explains it"


def test_a_layer_that_agrees() -> None:
    assert find(LayerResult("a", "a", 1e-7, 1e-6)) == []
