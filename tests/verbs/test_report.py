"""Saved reports: read back whole, shown in any form, and held against each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.errors import UsageError
from auscult.finding import Finding, Fix, Severity, Skip
from auscult.report import json_
from auscult.report._saved import report_from_json
from auscult.report.sections import section_from_json
from auscult.verbs.report.report import compare_reports, show_report
from auscult.verdict import Coverage, Equality, MappingEntry, Report, Verdict
from tests.cli.test_main import schema
from tests.conftest import Ran

Cli = Callable[..., Ran]

words = st.text(max_size=8)
names = st.lists(words, min_size=1, max_size=3).map(tuple)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
fixes = st.builds(
    Fix,
    st.sampled_from(["safe", "lossy", "guess"]),
    words,
    st.just(({"op": "cast"},)),
    st.none() | words,
)
findings = st.builds(
    Finding,
    st.from_regex(r"[A-Z]{3}[0-9]{3}", fullmatch=True),
    words,
    st.sampled_from(Severity),
    names,
    words,
    st.sampled_from([0.25, 0.5, 1.0]),
    evidence=st.dictionaries(words, numbers | words | st.booleans(), max_size=2),
    fix=st.none() | fixes,
    settled_by=st.none() | words,
    times=st.lists(st.tuples(numbers, numbers), max_size=2).map(tuple),
    rank=st.integers(0, 99),
)
entries = st.builds(
    MappingEntry,
    names,
    names,
    st.just(({"op": "permute", "axes": [1, 0]},)),
    st.sampled_from(Equality),
    st.none() | st.just("bfloat16"),
    compared=st.sampled_from(["values", "shapes"]),
    backward=st.booleans(),
)
coverages = st.none() | st.builds(
    Coverage,
    st.just("tensors"),
    st.dictionaries(st.sampled_from(["same", "other"]), st.integers(0, 9)),
)
reports = st.builds(
    Report,
    words,
    names,
    st.sampled_from(Verdict),
    coverages,
    st.lists(findings, max_size=3).map(tuple),
    st.lists(st.builds(Skip, words, words), max_size=2).map(tuple),
    st.lists(entries, max_size=3).map(tuple),
    st.dictionaries(
        st.sampled_from(["layers", "x"]), st.lists(numbers, max_size=2), max_size=2
    ).map(lambda values: section_from_json("compare", values)),
)


@given(reports)
def test_what_was_saved_is_read_back_whole(made: Report) -> None:
    saved = json.loads(json_.render(made))
    assert json.loads(json_.render(report_from_json(saved))) == saved


@given(reports)
def test_a_report_against_itself_has_not_changed(made: Report) -> None:
    found = compare_reports(made, made, ("a", "b"))
    changes = found.extra["changes"]
    assert found.verdict is Verdict.PASS
    assert [changes[kind] for kind in ("gone", "new", "changed", "figures")] == [[], [], [], []]
    assert len(changes["same"]) == len(made.findings)


BUZZ = Finding("SND001", "buzz", Severity.ERROR, ("heard.wav",), "buzzes")
AGAIN = replace(BUZZ, where=("repaired.wav",), severity=Severity.WARNING)
LAYOUT = Finding(
    "LAY001", "layout-conv1d", Severity.ERROR, ("a.weight", "b.weight"), "other order", rank=1
)


def ran(*found: Finding, verdict: Verdict = Verdict.DIVERGENT, **extra: Any) -> Report:
    return Report(
        "diff", ("a.pth",), verdict, findings=found, section=section_from_json("diff", extra)
    )


def changes(before: Report, after: Report) -> tuple[Verdict, dict[str, Any]]:
    found = compare_reports(before, after, ("a.json", "b.json"))
    return found.verdict, dict(found.extra["changes"])


def test_what_is_repaired_is_gone() -> None:
    verdict, said = changes(ran(BUZZ, LAYOUT), ran(BUZZ))
    assert verdict is Verdict.PASS
    assert [item["cause"] for item in said["gone"]] == ["layout-conv1d"]
    assert [item["cause"] for item in said["same"]] == ["buzz"]


def test_what_is_new_diverges_and_is_a_finding() -> None:
    found = compare_reports(ran(BUZZ), ran(BUZZ, LAYOUT), ("a", "b"))
    assert found.verdict is Verdict.DIVERGENT
    assert [finding.cause for finding in found.findings] == ["layout-conv1d"]


def test_findings_of_one_cause_are_told_apart_by_their_places() -> None:
    _, said = changes(ran(BUZZ, AGAIN), ran(AGAIN))
    assert [item["where"] for item in said["gone"]] == [["heard.wav"]]
    assert not said["changed"]


@pytest.mark.parametrize(
    ("after", "what", "worse"),
    [
        (replace(LAYOUT, severity=Severity.WARNING), "error became warning", False),
        (
            replace(LAYOUT, where=("a.weight", "b.weight", "c.weight"), count=3),
            "2 places became 3",
            True,
        ),
        (replace(LAYOUT, where=("a.weight",), count=1), "2 places became 1", False),
        (replace(LAYOUT, where=("a.weight", "c.weight")), "1 other places", False),
        (replace(LAYOUT, confidence=0.5), "confidence 1.00 became 0.50", False),
        (replace(LAYOUT, times=((0.0, 1.0),)), "0 times became 1", True),
        (replace(LAYOUT, message="else"), '"other order" became "else"', False),
    ],
)
def test_what_changed_in_a_finding(after: Finding, what: str, worse: bool) -> None:
    verdict, said = changes(ran(LAYOUT), ran(after))
    (item,) = said["changed"]
    assert (item["what"], item["worse"]) == ([what], worse)
    assert verdict is (Verdict.DIVERGENT if worse else Verdict.PASS)


def test_a_worse_verdict_diverges_by_itself() -> None:
    assert (
        changes(ran(verdict=Verdict.PASS), ran(verdict=Verdict.INCONCLUSIVE))[0]
        is Verdict.DIVERGENT
    )
    assert changes(ran(verdict=Verdict.ERROR), ran(verdict=Verdict.DIVERGENT))[0] is Verdict.PASS


def test_figures_go_by_their_names_not_by_their_places() -> None:
    before = ran(
        recordings=[
            {"role": "input", "rms": 0.1},
            {"role": "heard", "mel_distance_db": 27.7, "stoi": 0.2},
        ]
    )
    after = ran(
        recordings=[
            {"role": "heard", "mel_distance_db": 4.5, "stoi": 0.1},
            {"role": "input", "rms": 0.1},
        ]
    )
    _, said = changes(before, after)
    assert said["figures"] == [
        {"path": "recordings[heard].mel_distance_db", "before": 27.7, "after": 4.5, "worse": False},
        {"path": "recordings[heard].stoi", "before": 0.2, "after": 0.1, "worse": True},
    ]


def test_mapping_and_skips() -> None:
    same = MappingEntry(("a",), ("a",), (), Equality.EXACT)
    moved = MappingEntry(("b",), ("b",), (), Equality.EXACT)
    before = replace(ran(), mapping=(same, moved), skips=(Skip("x", "no reference"),))
    after = replace(
        ran(),
        mapping=(
            same,
            replace(moved, equality=Equality.DIFFERENT),
            MappingEntry(("c",), ("c",), (), Equality.EXACT),
        ),
    )
    _, said = changes(before, after)
    assert {kind: len(rows) for kind, rows in said["mapping"].items()} == {
        "gone": 0,
        "new": 1,
        "changed": 1,
    }
    assert {kind: len(rows) for kind, rows in said["skips"].items()} == {"gone": 1, "new": 0}


# Files and the command line


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "a.json", tmp_path / "b.json"
    for path, made in zip(
        paths, (ran(BUZZ), ran(BUZZ, LAYOUT, verdict=Verdict.DIVERGENT)), strict=True
    ):
        path.write_text(json_.render(made))
    return paths


def test_one_is_shown_as_it_was(auscult: Cli, saved: tuple[Path, Path]) -> None:
    shown = auscult("report", saved[0])
    assert shown.exit_code == 1
    assert (
        shown.out == "DIVERGENT  a.pth\nnext  auscult rules SND001\n\n"
        "error   buzz (SND001): buzzes\n        heard.wav\n\n1 error\n"
    )


def test_one_as_a_page(auscult: Cli, saved: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    assert auscult("report", saved[0], "-o", tmp_path / "a.html").exit_code == 1
    page = (tmp_path / "a.html").read_text()
    assert "buzzes" in page
    assert f"Made from the saved report <code>{saved[0]}</code>" in page


def test_two_of_them(auscult: Cli, saved: tuple[Path, Path]) -> None:
    shown = auscult("report", *saved)
    assert shown.exit_code == 1
    assert shown.out == (
        f"DIVERGENT  {saved[0]} against {saved[1]}\n"
        "next  auscult rules LAY001\n"
        "2 findings = 1 same + 1 new\n"
        "\n"
        "DIVERGENT both times\n"
        "new      error   layout-conv1d (LAY001): other order\n"
        "same     buzz\n"
        "\n"
        "1 error\n"
    )
    assert auscult("report", *reversed(saved)).exit_code == 0


def test_two_of_them_in_every_form(auscult: Cli, saved: tuple[Path, Path], tmp_path: Path) -> None:
    jsonschema.validate(json.loads(auscult("report", *saved, "--format", "json").out), schema())
    pytest.importorskip("jinja2")
    auscult("report", *saved, "-o", tmp_path / "changes.html")
    page = (tmp_path / "changes.html").read_text()
    assert "layout-conv1d" in page
    assert "DIVERGENT both times" in page


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "cannot be read as a saved report"),
        ("[]", "is not a report of auscult"),
        ('{"auscult": "1"}', "is not a report of auscult"),
        (json_.render(ran(BUZZ)).replace('"error"', '"awful"'), "is a damaged report"),
        (
            json_.render(ran(replace(BUZZ, fix=Fix("safe", "x")))).replace('"safe"', '"sure"'),
            "is a damaged report",
        ),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str, what: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=what):
        show_report(path)
    with pytest.raises(UsageError, match="No such file"):
        show_report(tmp_path / "absent.json")
