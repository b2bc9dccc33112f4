"""The findings of a report on several files, file by file."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.finding import Finding, Severity
from auscult.report.sections import find_section
from auscult.report.sections.listen import ListenSection
from auscult.verdict import Report

UNREADABLE_CAUSE = "unreadable-sound"


@dataclass(frozen=True)
class FileFindings:
    """What was found in one file, those findings left out that the report does not show.

    Attributes:
        is_unreadable: Whether the file could not be read, so that no other rule looked at it.
    """

    file: str
    findings: tuple[Finding, ...]
    is_unreadable: bool = False


def list_file_findings(report: Report) -> tuple[FileFindings, ...]:
    """The files with their findings; empty for a report that is about one thing."""
    section = find_section(report, ListenSection)
    if section is None or len(section.recordings) < 2:
        return ()
    joined_by_code = {finding.code: finding for finding in report.findings}
    return tuple(
        FileFindings(
            str(row["file"]),
            tuple(
                Finding(
                    cause["code"],
                    cause["cause"],
                    Severity(cause["severity"]),
                    (str(row["file"]),),
                    cause.get("message") or joined_by_code[cause["code"]].message,
                    confidence=joined_by_code[cause["code"]].confidence,
                    times=tuple((start, stop) for start, stop in cause["times"]),
                )
                for cause in row.get("causes", ())
                if cause["code"] in joined_by_code
            ),
            any(cause["cause"] == UNREADABLE_CAUSE for cause in row.get("causes", ())),
        )
        for row in section.recordings
    )
