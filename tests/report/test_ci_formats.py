"""SARIF, JUnit and GitHub output of one report, as whole texts or as what their readers need."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from auscult.finding import Finding, Severity, Skip
from auscult.report import github, junit, sarif
from auscult.verdict import Coverage, Report, Verdict

REPORT = Report(
    "diff",
    ("a.pth", "b.safetensors"),
    Verdict.DIVERGENT,
    Coverage("tensors", {"identical": 1, "different": 2}),
    (
        Finding(
            "CKP008",
            "swapped",
            Severity.ERROR,
            ("x", "y"),
            "two tensors are exchanged: 100 %\nof them",
        ),
        Finding("CKP014", "lossy", Severity.INFO, ("z",), "rounded to float16"),
    ),
    (Skip("q", "unknown dtype"),),
)


def test_github_escapes_and_ends_with_the_verdict() -> None:
    assert github.render(REPORT) == (
        "::error title=CKP008 swapped::x, y: two tensors are exchanged: 100 %25%0Aof them\n"
        "::notice title=CKP014 lossy::z: rounded to float16\n"
        "auscult diff: DIVERGENT"
    )


def test_github_shows_ten_of_a_kind() -> None:
    many = tuple(
        Finding(f"CKP{index:03}", "swapped", Severity.ERROR, ("x",), "m") for index in range(13)
    )
    text = github.render(Report("diff", (), Verdict.DIVERGENT, None, many))
    assert text.count("::error") == 10
    assert "+3 more of kind error" in text


def test_junit_counts_failures_and_skips() -> None:
    suite = ElementTree.fromstring(junit.render(REPORT))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
    }
    failure = suite.find("./testcase[@name='CKP008 swapped']/failure")
    assert failure is not None
    assert failure.text == "x\ny"


def test_sarif_has_stable_ids_and_logical_locations() -> None:
    run = json.loads(sarif.render(REPORT))["runs"][0]
    first = run["results"][0]
    assert first["ruleId"] == "CKP008"
    assert [place["logicalLocations"][0]["fullyQualifiedName"] for place in first["locations"]] == [
        "x",
        "y",
    ]
    again = json.loads(sarif.render(REPORT))["runs"][0]["results"][0]
    assert again["partialFingerprints"] == first["partialFingerprints"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {"CKP008", "CKP014"}
    assert (
        "unknown dtype" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    )


COMPARED = Report(
    "compare",
    ("ref.onnx", "port.py:build"),
    Verdict.DIVERGENT,
    Coverage("layers", {"close": 5, "born": 1}),
    (
        Finding(
            "PAR021", "leaky-slope", Severity.ERROR, ("ups.0",), "slope 0.01, the reference's 0.1"
        ),
    ),
    (Skip("(the whole model)", "is chaotic"),),
)


@pytest.mark.parametrize(
    ("subject", "uri"),
    [
        ("port.py:build", "port.py"),
        ("package.port:build", "package/port.py"),
        ("cand trace.safetensors", "cand%20trace.safetensors"),
        ("Net", "Net"),
    ],
)
def test_sarif_of_a_comparison_points_at_the_candidate(subject: str, uri: str) -> None:
    run = json.loads(
        sarif.render(
            Report("compare", ("ref.onnx", subject), Verdict.DIVERGENT, None, COMPARED.findings)
        )
    )["runs"][0]
    location = run["results"][0]["locations"][0]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "ups.0"


def test_sarif_names_files_below_the_working_directory_relatively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "models" / "g.pth"
    report = Report("diff", (str(file), "other.pth"), Verdict.DIVERGENT, None, COMPARED.findings)
    assert sarif.find_artifact_uri(report) == "models/g.pth"


def test_a_comparison_in_github_and_junit() -> None:
    assert github.render(COMPARED) == (
        "::error title=PAR021 leaky-slope::ups.0: slope 0.01, the reference's 0.1\nauscult compare: DIVERGENT"
    )
    suite = ElementTree.fromstring(junit.render(COMPARED))
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "2",
        "skipped": "1",
    }
    assert {case.get("classname") for case in suite.iter("testcase")} == {
        "auscult.compare.ref.onnx port.py:build"
    }
