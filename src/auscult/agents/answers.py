"""A report as an agent reads it: verdict, findings in a few lines each, and what to do next."""

from __future__ import annotations

from auscult.errors import AuscultError
from auscult.finding import Finding, Json
from auscult.report.text import suggest_next_command
from auscult.verdict import Report

MAX_FINDINGS = 12
"""How many findings an answer shows, the most urgent first; the rest is counted."""
MAX_PLACES = 5
"""How many names of tensors or layers a finding shows."""


def describe_report(report: Report) -> Json:
    """The report in short: what a decision rests on, without the long tables."""
    shown = report.findings[:MAX_FINDINGS]
    answer: Json = {
        "verdict": report.verdict.value,
        "subjects": list(report.subjects),
        "findings": [describe_finding(finding) for finding in shown],
        "not_looked_at": [f"{skip.where}: {skip.reason}" for skip in report.skips[:MAX_FINDINGS]],
    }
    if len(report.findings) > len(shown):
        answer["further_findings"] = len(report.findings) - len(shown)
    if report.coverage:
        answer["coverage"] = report.coverage.to_json()
    if report.findings:
        answer["next_command"] = suggest_next_command(report)
    return answer


def describe_finding(finding: Finding) -> Json:
    """One finding: its cause, its first places, and its fix."""
    answer: Json = {
        "code": finding.code,
        "cause": finding.cause,
        "severity": finding.severity.value,
        "confidence": round(finding.confidence, 2),
        "message": finding.message,
        "where": list(finding.where[:MAX_PLACES]),
        "places": finding.count,
    }
    if finding.fix:
        answer["fix"] = finding.fix.to_json()
    if finding.settled_by:
        answer["settled_by"] = finding.settled_by
    if finding.times:
        answer["seconds"] = [list(span) for span in finding.times[:MAX_PLACES]]
    return answer


def describe_error(error: AuscultError) -> Json:
    """An error as an answer, so that the agent reads what to do instead."""
    facts = {
        name: getattr(error, name, None) for name in ("what", "where", "expected", "found", "hint")
    }
    return {
        "verdict": "ERROR",
        "error": {name: str(fact) for name, fact in facts.items() if fact is not None},
    }
