"""The report: what a filter hides, and what decides the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.finding import DOMAIN_BY_PREFIX, Domain, Finding, Severity
from auscult.verdict import REPR_LINES, Coverage, Report, Verdict

FINDINGS = (
    Finding("CKP050", "non-finite", Severity.ERROR, ("a", "b"), "x"),
    Finding("CKP052", "dead-channels", Severity.WARNING, ("a",), "y"),
    Finding("CKP055", "wrapped", Severity.INFO, ("a",), "z"),
)


def make_report(
    verdict: Verdict = Verdict.DIVERGENT, findings: tuple[Finding, ...] = FINDINGS
) -> Report:
    return Report("inspect", ("f",), verdict, Coverage("tensors", {"sampled": 2}), findings)


def test_what_is_hidden_is_listed_and_still_counts() -> None:
    narrowed = make_report().narrowed(ignore=("CKP050",))
    assert [finding.code for finding in narrowed.findings] == ["CKP052", "CKP055"]
    assert [finding.code for finding in narrowed.hidden] == ["CKP050"]
    assert [(skip.where, skip.reason) for skip in narrowed.skips] == [
        ("CKP050 non-finite", "left out as asked (2 places)")
    ]
    assert narrowed.verdict is Verdict.DIVERGENT
    assert narrowed.exit_code() == narrowed.exit_code(("error",)) == 1
    assert set(narrowed.to_json()) == {*make_report().to_json(), "hidden"}


def test_filters_by_the_beginning_of_a_code() -> None:
    report = make_report()
    assert report.narrowed(("CKP",)) is report
    assert report.narrowed() is report
    assert report.narrowed(("LAY",)).findings == ()
    assert [finding.code for finding in report.narrowed(("CKP05",), ("CKP052",)).findings] == [
        "CKP050",
        "CKP055",
    ]
    twice = report.narrowed(ignore=("CKP050",)).narrowed(ignore=("CKP052",))
    assert [finding.code for finding in twice.hidden] == ["CKP050", "CKP052"]


@pytest.mark.parametrize(
    ("verdict", "fail_on", "code"),
    [
        (Verdict.PASS, (), 0),
        (Verdict.EQUIVALENT, (), 0),
        (Verdict.DIVERGENT, (), 1),
        (Verdict.ERROR, (), 2),
        (Verdict.INCONCLUSIVE, (), 3),
        (Verdict.PASS, ("info",), 1),
        (Verdict.DIVERGENT, ("error",), 1),
        (Verdict.DIVERGENT, ("LAY",), 0),
        (Verdict.DIVERGENT, ("LAY", "CKP052"), 1),
        (Verdict.DIVERGENT, ("never",), 0),
        (Verdict.ERROR, ("never",), 2),
        (Verdict.INCONCLUSIVE, ("warning",), 1),
        (Verdict.INCONCLUSIVE, ("LAY",), 3),
        (Verdict.INCONCLUSIVE, ("never",), 0),
    ],
)
def test_exit_codes(verdict: Verdict, fail_on: Sequence[str], code: int) -> None:
    report = make_report(verdict)
    assert report.exit_code(fail_on) == code
    assert report.narrowed(ignore=("CKP",)).exit_code(fail_on) == code


def test_severities_count_those_above() -> None:
    warned = make_report(Verdict.PASS, FINDINGS[1:])
    assert [warned.exit_code((word,)) for word in ("error", "warning", "info")] == [0, 1, 1]
    informed = make_report(Verdict.PASS, FINDINGS[2:])
    assert [informed.exit_code((word,)) for word in ("error", "warning", "info")] == [0, 0, 1]


def test_every_rule_has_a_domain() -> None:
    from auscult.rules import rule_files

    assert {code[:3] for code in rule_files()} == set(DOMAIN_BY_PREFIX)
    assert FINDINGS[0].domain is Domain.CHECKPOINT
    assert Finding("XYZ001", "x", Severity.INFO, (), "of another version").domain is Domain.OTHER


def test_a_report_is_true_where_nothing_is_wrong() -> None:
    assert [bool(make_report(verdict)) for verdict in Verdict] == [
        verdict in (Verdict.PASS, Verdict.EQUIVALENT) for verdict in Verdict
    ]


def test_its_repr_is_its_text_on_one_screen() -> None:
    short = make_report(Verdict.DIVERGENT)
    assert repr(short) == short.to_text().rstrip()
    many = [replace(FINDINGS[0], cause=f"cause-{index}") for index in range(50)]
    lines = repr(make_report(Verdict.DIVERGENT, tuple(many))).splitlines()
    assert len(lines) == REPR_LINES
    assert lines[0].startswith("DIVERGENT")
    assert "more lines" in lines[-1]


@pytest.mark.parametrize(
    ("name", "begins"),
    [("r.json", "{"), ("r.txt", "PASS"), ("r.xml", "<?xml"), ("r.html", "<!doctype html>")],
)
def test_it_is_saved_in_the_format_of_the_suffix(tmp_path: Path, name: str, begins: str) -> None:
    make_report(Verdict.PASS, ()).save(tmp_path / name)
    assert (tmp_path / name).read_text().lstrip().startswith(begins)


def test_a_suffix_of_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.html"):
        make_report(Verdict.PASS).save(tmp_path / "r.pdf")
    assert not list(tmp_path.iterdir())
