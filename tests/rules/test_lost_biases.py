"""Biases that only the side given second has: lost by the first where the layers are the same, else just more."""

from __future__ import annotations

import numpy as np

from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint
from tests.rules.models import Arrays, filled, hifigan

LOST = ("resblocks.1.convs1.0.bias", "resblocks.4.convs1.0.bias")


def run(reference: Arrays, candidate: Arrays) -> Report:
    return diff(Checkpoint.of(reference, "a"), Checkpoint.of(candidate, "b"))


def list_causes(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings]


def drop_lost(arrays: Arrays) -> Arrays:
    return {name: array for name, array in arrays.items() if name not in LOST}


def test_a_port_given_first_lacks_the_biases_that_it_lost() -> None:
    good = hifigan()
    report = run(drop_lost(good), good)
    assert report.verdict is Verdict.DIVERGENT
    assert list_causes(report) == ["tensor-missing"]
    assert report.findings[0].where == LOST
    assert report.findings[0].severity is Severity.ERROR
    assert report.findings[0].message.startswith("the reference lacks 2 biases of the candidate")


def test_given_second_the_candidate_lacks_them() -> None:
    good = hifigan()
    report = run(good, drop_lost(good))
    assert list_causes(report) == ["tensor-missing"]
    assert report.findings[0].message.startswith("the candidate lacks 2 tensors of the reference")


def test_a_layer_that_the_reference_has_not_is_no_lost_bias() -> None:
    good = hifigan()
    more = filled({"final_proj.weight": (9, 13), "final_proj.bias": (9,)}, seed=4)
    assert list_causes(run(good, good | more)) == ["tensor-extra"]


def test_a_bias_of_one_value_throughout_need_not_have_been_trained() -> None:
    good = hifigan()
    constant = {name: np.full_like(good[name], 0.5) for name in LOST}
    assert "tensor-missing" not in list_causes(run(drop_lost(good), good | constant))
