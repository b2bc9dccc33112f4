"""JUnit XML, which every CI reads: a test case per finding, one for the verdict, and a skipped case per skip.

Of several files, there is a case for each file and each rule that any of them breaks: the others pass it, so that a CI can follow
it from run to run. A file that could not be read skips the other rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from auscult.finding import Finding, Severity
from auscult.report._common import find_error_line
from auscult.report._per_file import FileFindings, list_file_findings
from auscult.verdict import Report, Verdict


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001
    """A `testsuite` whose failures are the findings of severity error, and a divergent verdict."""
    subject = " ".join(report.subjects)
    suite = ElementTree.Element("testsuite", name=f"auscult {report.command}")
    verdict = _add_test_case(suite, subject, "verdict")
    failures = errors = 0
    if report.verdict is Verdict.ERROR:
        ElementTree.SubElement(
            verdict, "error", message=find_error_line(report) or report.verdict.value
        )
        errors += 1
    elif report.verdict.exit_code:
        ElementTree.SubElement(verdict, "failure", message=report.verdict.value)
        failures += 1
    files = list_file_findings(report)
    if files:
        failures += _add_file_cases(suite, files)
    else:
        failures += _add_finding_cases(suite, subject, report.findings)
    for skip in report.skips:
        ElementTree.SubElement(
            _add_test_case(suite, subject, skip.where), "skipped", message=skip.reason
        )
    suite.attrib |= {
        "tests": str(len(suite)),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": str(len(list(suite.iter("skipped")))),
    }
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(
        suite, encoding="unicode"
    )


def _add_finding_cases(
    suite: ElementTree.Element, subject: str, findings: Sequence[Finding]
) -> int:
    """A case for each finding; gives how many of them fail."""
    for finding in findings:
        case = _add_test_case(suite, subject, f"{finding.code} {finding.cause}")
        text = "\n".join(finding.where)
        if finding.severity is Severity.ERROR:
            ElementTree.SubElement(
                case, "failure", message=finding.message, type=finding.code
            ).text = text
        else:
            ElementTree.SubElement(
                case, "system-out"
            ).text = f"{finding.severity.value}: {finding.message}\n{text}"
    return sum(finding.severity is Severity.ERROR for finding in findings)


def _add_file_cases(suite: ElementTree.Element, files: Sequence[FileFindings]) -> int:
    """The cases of every file; gives how many of them fail."""
    rules = sorted({(finding.code, finding.cause) for item in files for finding in item.findings})
    failures = 0
    for item in files:
        failures += _add_finding_cases(suite, item.file, item.findings)
        broken = {finding.code for finding in item.findings}
        for code, cause in rules:
            if code not in broken:
                case = _add_test_case(suite, item.file, f"{code} {cause}")
                if item.is_unreadable:
                    ElementTree.SubElement(case, "skipped", message="the file could not be read")
        if not rules:
            _add_test_case(suite, item.file, "every rule")
    return failures


def _add_test_case(suite: ElementTree.Element, subject: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"auscult.{suite.get('name', '').split()[-1]}.{subject}",
        name=name,
    )
