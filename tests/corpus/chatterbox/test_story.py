"""Faults of a real port of S3Gen, planted into ours, named by `auscult diagnose` at their places until the port is at parity."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("mlx.core")

from auscult.verdict import Verdict
from corpus.chatterbox.__main__ import alone, together
from corpus.chatterbox.faults import FAULTS, Fault
from corpus.chatterbox.mending import (
    AT_ONCE,
    TOGETHER,
    by_name,
    cause,
    diagnosed,
    five,
    meant,
    mend,
)

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "chatterbox.md"
SEEDS = range(6)


def test_the_port_without_faults_is_at_parity() -> None:
    report = diagnosed([])
    assert report.verdict is Verdict.EQUIVALENT  # channels last
    assert cause(report) is None


@pytest.mark.parametrize(
    "fault", by_name("residual-names", "speaker-vectors"), ids=lambda fault: fault.name
)
def test_a_fault_is_named_at_its_place(fault: Fault) -> None:
    check(fault)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_is_named_at_its_place(fault: Fault) -> None:
    check(fault)


def check(fault: Fault) -> None:
    report = diagnosed([fault])
    assert meant(cause(report), [fault]), [
        (finding.cause, finding.where[:2]) for finding in report.findings
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [by_name(*TOGETHER), *map(five, SEEDS)],
    ids=lambda faults: "+".join(one.name for one in faults),
)
def test_five_at_once_are_found_one_after_the_other(faults: list[Fault]) -> None:
    """What is named first is mended and the port diagnosed again, until nothing is left; nothing else is ever named first."""
    assert len(faults) == AT_ONCE
    left = {fault.name for fault in faults}
    for finding, found in mend(faults):
        assert found, f"{finding and (finding.cause, finding.where)} is none of {sorted(left)}"
        left -= {fault.name for fault in found}
    assert not left


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_guides_tables_are_those_of_today() -> None:
    text = GUIDE.read_text()
    assert "\n".join(alone()) in text
    assert "\n".join(together()) in text
