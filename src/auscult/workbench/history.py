"""The reports that the page made, each in a folder of its own: what was asked, the report as JSON, and its page."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auscult.errors import UsageError
from auscult.facts.atomic import replace_file
from auscult.report._formats import save_report
from auscult.verdict import Report

ENTRY_FILE, REPORT_FILE, PAGE_FILE = "asked.json", "report.json", "page.html"
MAX_LISTED = 200
"""How many reports the page lists, the newest first."""
_ENTRY_NAME = re.compile(r"(\d{4,})-[a-z]+$")


@dataclass(frozen=True)
class HistoryEntry:
    """One report that was kept.

    Attributes:
        id: Number and verb, the name of its folder.
        values: What was filled in, by field.
        command: The same as one would type it.
        headline: Of the first finding.
    """

    id: str
    verb: str
    values: dict[str, Any]
    command: tuple[str, ...]
    made: str
    verdict: str
    headline: str = ""
    counts: dict[str, int] = field(default_factory=dict)


class History:
    """A folder of kept reports; it is made with the first one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_file(self, entry: str, file: str) -> Path:
        """A file of one kept report.

        Raises:
            UsageError: If there is none.
        """
        path = self._folder / entry / file
        if (
            not _ENTRY_NAME.match(entry)
            or file not in (REPORT_FILE, PAGE_FILE)
            or not path.is_file()
        ):
            raise UsageError("there is no such report", where=entry)
        return path

    def list_entries(self) -> list[HistoryEntry]:
        """The kept reports, the newest first. A folder that is damaged is left out."""
        entries = []
        for folder in sorted(self._list_folders(), key=_read_number, reverse=True)[:MAX_LISTED]:
            try:
                content = json.loads((folder / ENTRY_FILE).read_text(encoding="utf-8"))
                entries.append(HistoryEntry(**content))
            except (OSError, ValueError, TypeError):
                continue  # half deleted, or edited by hand: the others are still worth showing
        return entries

    def reserve(self, verb: str) -> str:
        """Make the folder of a new report, with the next number; gives its id.

        Raises:
            UsageError: If the folder cannot be made.
        """
        number = max(map(_read_number, self._list_folders()), default=0) + 1
        entry = f"{number:04d}-{verb}"
        try:
            (self._folder / entry).mkdir(parents=True)
        except OSError as error:
            raise UsageError(
                f"reports cannot be kept: {error.strerror}",
                where=str(self._folder),
                hint="name another folder with --reports",
            ) from error
        return entry

    def drop(self, entry: str) -> None:
        """Remove the folder of a report that was never made."""
        folder = self._folder / entry
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def keep(
        self, entry: str, report: Report, values: dict[str, Any], command: tuple[str, ...]
    ) -> HistoryEntry:
        """Write a report and its page into the folder that was made for it."""
        folder = self._folder / entry
        save_report(report, folder / REPORT_FILE)
        save_report(report, folder / PAGE_FILE)
        headline = ""
        if report.findings:
            headline = f"{report.findings[0].cause}: {report.findings[0].message}"
        severities = [finding.severity.value for finding in report.findings]
        kept = HistoryEntry(
            entry,
            entry.partition("-")[2],
            values,
            command,
            datetime.now(UTC).isoformat(timespec="seconds"),
            report.verdict.value,
            headline,
            {severity: severities.count(severity) for severity in dict.fromkeys(severities)},
        )
        with replace_file(folder / ENTRY_FILE) as partial:
            partial.write_text(json.dumps(asdict(kept), indent=1), encoding="utf-8")
        return kept

    def _list_folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.iterdir() if _ENTRY_NAME.match(path.name)]


def _read_number(folder: Path) -> int:
    match = _ENTRY_NAME.match(folder.name)
    return int(match[1]) if match else 0
