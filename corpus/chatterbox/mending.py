"""Mending: a port with some of the faults is diagnosed, what the diagnosis names is mended, until it is at parity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from auscult.finding import Finding
from auscult.verbs.diagnose.diagnose import diagnose
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint
from corpus.chatterbox.faults import FAULTS, Fault, written
from corpus.chatterbox.system import inputs, reference, weights

AT_ONCE = 5
TOGETHER = ("attention-names", "norm3-for-norm1", "causal-encoder", "guidance", "last-slope")
"""Five of the kinds that the real port had at one time: a name, a mapping, a mask, a formula, a constant."""


@cache
def released() -> Checkpoint:
    """The reference's file."""
    return Checkpoint.of({name: value.numpy() for name, value in reference().state_dict().items()})


def diagnosed(faults: Sequence[Fault]) -> Report:
    """`auscult diagnose` with the reference's file, the port as it is after loading, and a run of both."""
    port = written(faults)
    return diagnose(
        released(),
        port,
        traces=(reference(), port),
        trace_inputs=inputs(),
        trace_inputs_candidate=inputs(channels_last=True),
        settle=False,
    )


def cause(report: Report) -> Finding | None:
    """What the diagnosis says to act on first; where there is no fault, that the noise is not the reference's."""
    named = report.extra["diagnosis"]["cause"]
    order = sorted(report.findings, key=lambda finding: finding.order)
    if named is None:
        return next((finding for finding in order if finding.cause == "noise-differs"), None)
    return next(
        finding
        for finding in order
        if (finding.code, finding.cause) == (named["code"], named["cause"])
    )


def meant(finding: Finding | None, faults: Sequence[Fault]) -> list[Fault]:
    """Which of the faults the finding names, at their place. Several where one sentence covers them: names that do not load."""
    if finding is None:
        return []
    return [
        fault for fault in faults if finding.cause in fault.causes and named_there(finding, fault)
    ]


def named_there(finding: Finding, fault: Fault) -> bool:
    return any(part in place for place in finding.where for part in fault.where)


def mend(faults: Sequence[Fault]) -> Iterator[tuple[Finding | None, list[Fault]]]:
    """Diagnose, mend what is named first, and again, until nothing is left or something else is named."""
    left = list(faults)
    while True:
        report = diagnosed(left)
        if report.verdict in {Verdict.PASS, Verdict.EQUIVALENT}:
            return
        finding = cause(report)
        found = meant(finding, left)
        yield finding, found
        if not found:
            return
        left = [fault for fault in left if fault not in found]


def five(seed: int) -> list[Fault]:
    """Five faults of which none hides another."""
    chosen: list[Fault] = []
    for index in np.random.default_rng(seed).permutation(len(FAULTS)):
        fault = FAULTS[index]
        if not any(
            fault.where == other.where or touched(fault) & touched(other) for other in chosen
        ):
            chosen.append(fault)
        if len(chosen) == AT_ONCE:
            break
    return chosen


@cache
def touched(fault: Fault) -> frozenset[str]:
    """The tensors that do not reach the port as they are."""
    before = weights()
    after = before if fault.weights is None else fault.weights(before)
    return frozenset(
        name
        for name, array in before.items()
        if name not in after or not np.array_equal(after[name], array)
    )


def by_name(*names: str) -> list[Fault]:
    known = {fault.name: fault for fault in FAULTS}
    return [known[name] for name in names]
