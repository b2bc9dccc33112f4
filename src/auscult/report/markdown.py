"""A report as the text of an issue: what, where, evidence, versions; without the paths of the person's machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from auscult.finding import Finding
from auscult.report._common import find_error_line, format_coverage
from auscult.report._provenance import collect_provenance, find_input_files
from auscult.report._where import format_places
from auscult.verdict import Report

MAX_FINDINGS = 10
"""How many findings are written out; the rest is counted."""
MAX_EVIDENCE = 8
"""How many numbers of a finding's evidence are written out."""
MAX_VALUE_LETTERS = 120


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001
    """The report in Markdown, to paste into an issue.

    Args:
        verbose: 1 writes out every finding and all of its evidence.
    """
    text = "\n".join(_iter_lines(report, is_complete=verbose > 0)) + "\n"
    return remove_folders(text, report)


def remove_folders(text: str, report: Report) -> str:
    """The text with the folders of the inputs, and the person's home, taken out of every path."""
    inputs = [*find_input_files(report), *(Path(subject) for subject in report.subjects)]
    folders = {str(path.parent) for path in inputs} | {
        str(path.parent.absolute()) for path in inputs
    }
    for folder in sorted(folders - {".", "/", ""}, key=len, reverse=True):
        for written in (folder, _escape(folder)):
            text = text.replace(f"{written}/", "")
    for written in (str(Path.home()), _escape(str(Path.home()))):
        text = text.replace(written, "~")
    return text


def _iter_lines(report: Report, *, is_complete: bool) -> Iterator[str]:
    yield f"## auscult {report.command}: {report.verdict.value}"
    yield ""
    yield " · ".join(f"`{subject}`" for subject in report.subjects)
    error_line = find_error_line(report)
    if error_line is not None:
        yield f"\n{_escape(error_line)}"
    if report.coverage:
        yield f"\n{_escape(format_coverage(report.coverage))}"
    shown = report.findings if is_complete else report.findings[:MAX_FINDINGS]
    for finding in shown:
        yield ""
        yield from _iter_finding_lines(finding, is_complete=is_complete)
    if len(shown) < len(report.findings):
        yield f"\n{len(report.findings) - len(shown)} further findings."
    if report.skips:
        yield "\n**Not looked at**\n"
        yield from (f"- `{skip.where}`: {_escape(skip.reason)}" for skip in report.skips)
    yield from _iter_provenance_lines(report)


def _iter_finding_lines(finding: Finding, *, is_complete: bool) -> Iterator[str]:
    yield f"### {finding.severity.value}: {finding.cause} ({finding.code})"
    yield ""
    yield _escape(finding.message)
    yield ""
    yield f"- where: `{format_places(finding.where)}`"
    for start, stop in finding.times[: None if is_complete else MAX_EVIDENCE]:
        yield f"- at {start:.3f} s to {stop:.3f} s"
    evidence = list(finding.evidence.items())[: None if is_complete else MAX_EVIDENCE]
    if evidence:
        yield "- evidence: " + ", ".join(f"`{name}` {_shorten(value)}" for name, value in evidence)
    if finding.fix:
        yield f"- fix ({finding.fix.safety}): {_escape(finding.fix.summary)}"
    if finding.settled_by:
        yield f"- to settle it: `{finding.settled_by}`"


def _iter_provenance_lines(report: Report) -> Iterator[str]:
    provenance = collect_provenance(report)
    yield "\n<details><summary>Versions and files</summary>\n"
    if provenance.get("command"):
        yield f"    {provenance['command']}\n"
    yield ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    for file in provenance["files"]:
        yield f"\n- `{file['path']}`, {file['bytes']} bytes, SHA-256 `{file['sha256'] or 'not taken'}`"
    yield "\n</details>"


def _shorten(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if len(text) > MAX_VALUE_LETTERS:
        text = f"{text[:MAX_VALUE_LETTERS]}..."
    return _escape(text)


def _escape(text: str) -> str:
    """The text with what Markdown would take for markup as letters."""
    return re.sub(r"([\\`*_<>|])", r"\\\1", text)
