"""SARIF 2.1.0, for code-scanning pages. A checkpoint has no lines: a place is a logical location, the tensor's name.

The result stays within GitHub's limits: 5,000 results shown, 1,000 locations each.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from auscult.finding import Finding, Json
from auscult.report._common import find_error_line
from auscult.report._parts import find_verb_part
from auscult.report._per_file import list_file_findings
from auscult.verdict import VERSION, Report

MAX_LOCATIONS = 1_000
LEVEL_BY_SEVERITY = {"error": "error", "warning": "warning", "info": "note"}
SCHEMA_URL = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001
    """One SARIF run with a result per finding (of several files: per file and finding), and a notification per skip."""
    rules = {finding.code: finding.cause for finding in report.findings}
    run: Json = {
        "tool": {
            "driver": {
                "name": "auscult",
                "version": VERSION,
                "rules": [_build_rule(*rule) for rule in sorted(rules.items())],
            }
        },
        "results": _build_results(report),
        "invocations": [
            {
                "executionSuccessful": report.verdict.value != "ERROR",
                "toolExecutionNotifications": _build_notifications(report),
            }
        ],
        "properties": {"command": report.command, "verdict": report.verdict.value},
    }
    return json.dumps({"version": "2.1.0", "$schema": SCHEMA_URL, "runs": [run]}, indent=2)


def _build_notifications(report: Report) -> list[Json]:
    """What stopped the command, and what was not looked at."""
    error_line = find_error_line(report)
    notifications = [("error", error_line)] if error_line is not None else []
    notifications += [("note", f"skipped {skip.where}: {skip.reason}") for skip in report.skips]
    return [{"level": level, "message": {"text": text}} for level, text in notifications]


def _build_rule(code: str, cause: str) -> Json:
    return {"id": code, "name": cause, "shortDescription": {"text": cause}}


def _build_results(report: Report) -> list[Json]:
    files = list_file_findings(report)
    if files:
        return [
            _build_result(finding, [item.file], _to_uri(item.file))
            for item in files
            for finding in item.findings
        ]
    uri = find_artifact_uri(report)
    return [_build_result(finding, report.subjects, uri) for finding in report.findings]


def _build_result(finding: Finding, subjects: Sequence[str], uri: str) -> Json:
    places = finding.where[:MAX_LOCATIONS]
    artifact = {"artifactLocation": {"uri": uri}}
    fingerprint = hashlib.sha256(
        "\0".join((finding.code, *subjects, *finding.where)).encode()
    ).hexdigest()
    return {
        "ruleId": finding.code,
        "level": LEVEL_BY_SEVERITY[finding.severity.value],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": artifact,
                "logicalLocations": [{"fullyQualifiedName": place, "kind": "member"}],
            }
            for place in places
        ]
        or [{"physicalLocation": artifact}],
        "partialFingerprints": {"auscult/v1": fingerprint},
        "properties": {
            "cause": finding.cause,
            "confidence": finding.confidence,
            "count": finding.count,
        },
    }


def find_artifact_uri(report: Report) -> str:
    """The file that the findings are about, as a relative URI where it lies below the working directory.

    The findings of `compare` are about the candidate, which comes second. Of code (`file.py:callable`, `package.module:callable`) its source.
    """
    if not report.subjects:
        return "unknown"
    examined_index = find_verb_part(report).examined
    subject = report.subjects[min(examined_index, len(report.subjects) - 1)]
    file, separator, name = subject.rpartition(":")
    if separator and name.isidentifier() and not Path(subject).exists():
        subject = file if file.endswith(".py") else f"{file.replace('.', '/')}.py"
    return _to_uri(subject)


def _to_uri(path: str) -> str:
    """A path as a URI, relative where it lies below the working directory."""
    if os.path.isabs(path) and Path(path).is_relative_to(Path.cwd()):
        path = str(Path(path).relative_to(Path.cwd()))
    return quote(re.sub(r"[\\/]+", "/", path))
