"""A report on several files, file by file: SARIF, JUnit, and the hashes of what it rests on."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from auscult.finding import Finding, Severity
from auscult.report import junit, sarif
from auscult.report._per_file import list_file_findings
from auscult.report._provenance import collect_provenance
from auscult.report.sections.listen import ListenSection
from auscult.verdict import Report, Verdict


def describe(file: str, *codes: str) -> dict[str, object]:
    names = {"SND001": "clipping", "SND002": "unreadable-sound", "SND003": "hum"}
    severities = {"SND001": "error", "SND002": "error", "SND003": "warning"}
    causes = [
        {
            "code": code,
            "cause": names[code],
            "severity": severities[code],
            "message": f"{names[code]} of {file}",
            "times": [[0.5, 1.0]],
        }
        for code in codes
    ]
    return {"file": file, "role": "heard", "causes": causes}


SET = Report(
    "listen",
    ("outs/a b.wav", "outs/clean.wav", "outs/broken.wav"),
    Verdict.DIVERGENT,
    None,
    (
        Finding("SND001", "clipping", Severity.ERROR, ("outs/a b.wav",), "clipped", 0.9),
        Finding("SND002", "unreadable-sound", Severity.ERROR, ("outs/broken.wav",), "no sound"),
        Finding("SND003", "hum", Severity.WARNING, ("outs/a b.wav",), "hums"),
    ),
    section=ListenSection(
        recordings=[
            describe("outs/a b.wav", "SND001", "SND003"),
            describe("outs/clean.wav"),
            describe("outs/broken.wav", "SND002"),
        ]
    ),
)


def test_sarif_has_a_result_with_its_uri_for_each_file() -> None:
    results = json.loads(sarif.render(SET))["runs"][0]["results"]
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results
    ]
    assert uris == ["outs/a%20b.wav", "outs/a%20b.wav", "outs/broken.wav"]
    assert results[0]["message"]["text"] == "clipping of outs/a b.wav"
    assert len({result["partialFingerprints"]["auscult/v1"] for result in results}) == 3


def test_junit_has_a_case_for_each_file_and_rule() -> None:
    suite = ElementTree.fromstring(junit.render(SET))
    cases = {
        (str(case.get("classname")).rpartition("/")[2], case.get("name")): [
            child.tag for child in case
        ]
        for case in suite.iter("testcase")
    }
    assert cases["a b.wav", "SND001 clipping"] == ["failure"]
    assert cases["a b.wav", "SND003 hum"] == ["system-out"]
    assert cases["clean.wav", "SND001 clipping"] == cases["clean.wav", "SND003 hum"] == []
    assert cases["broken.wav", "SND001 clipping"] == ["skipped"], "not read, so not passed"
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "10",
        "failures": "3",
        "skipped": "2",
    }


def test_what_a_filter_hides_is_hidden_in_every_file() -> None:
    shown = list_file_findings(SET.narrowed(ignore=["SND001"]))
    assert [finding.code for finding in shown[0].findings] == ["SND003"]
    assert list_file_findings(SET.narrowed(ignore=["SND002"]))[2].is_unreadable


def test_a_set_without_findings_passes_file_by_file() -> None:
    clean = Report(
        "listen",
        ("a.wav", "b.wav"),
        Verdict.PASS,
        section=ListenSection(recordings=[describe("a.wav"), describe("b.wav")]),
    )
    suite = ElementTree.fromstring(junit.render(clean))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "0")


def test_one_recording_is_reported_as_before() -> None:
    one = Report(
        "listen", ("a.wav",), Verdict.PASS, section=ListenSection(recordings=[describe("a.wav")])
    )
    assert list_file_findings(one) == ()


@pytest.mark.parametrize("shared", [True, False])
def test_references_are_hashed_too(tmp_path: Path, shared: bool) -> None:
    files = [tmp_path / name for name in ("a.wav", "b.wav", "ref.wav")]
    for file in files:
        file.write_bytes(file.name.encode())
    rows = [describe(str(file)) for file in files[:2]]
    common = None
    if shared:
        common = {"file": str(files[2])}
    else:
        rows[0]["reference"] = str(files[2])
    report = Report(
        "listen", ("2 files",), Verdict.PASS, section=ListenSection(rows, reference=common)
    )
    hashed = {entry["path"]: entry["sha256"] for entry in collect_provenance(report)["files"]}
    assert set(hashed) == set(map(str, files))
    assert None not in hashed.values()
