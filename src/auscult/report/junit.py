"""JUnit XML, which every CI reads: a test case per finding, one for the verdict, and a skipped case per skip."""

from __future__ import annotations

from xml.etree import ElementTree

from auscult.finding import Severity
from auscult.report._common import find_error_line
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
    for finding in report.findings:
        case = _add_test_case(suite, subject, f"{finding.code} {finding.cause}")
        text = "\n".join(finding.where)
        if finding.severity is Severity.ERROR:
            ElementTree.SubElement(
                case, "failure", message=finding.message, type=finding.code
            ).text = text
            failures += 1
        else:
            ElementTree.SubElement(
                case, "system-out"
            ).text = f"{finding.severity.value}: {finding.message}\n{text}"
    for skip in report.skips:
        ElementTree.SubElement(
            _add_test_case(suite, subject, skip.where), "skipped", message=skip.reason
        )
    suite.attrib |= {
        "tests": str(len(suite)),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": str(len(report.skips)),
    }
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(
        suite, encoding="unicode"
    )


def _add_test_case(suite: ElementTree.Element, subject: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"auscult.{suite.get('name', '').split()[-1]}.{subject}",
        name=name,
    )
