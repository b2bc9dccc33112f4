"""`open`: the page of a saved report, as a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from auscult.facts.atomic import replace_file
from auscult.report import html
from auscult.verbs.report.report import show_report


def write_page(report: str | Path, page: str | Path | None = None) -> Path:
    """Write the page of a saved report; gives where it lies.

    Args:
        report: A report that was saved as JSON.
        page: The file to write; None takes a new temporary folder, which stays.

    Raises:
        UsageError: If the file holds no report, or Jinja2 is not installed.
    """
    text = html.render(show_report(report))
    if page is None:
        page = Path(tempfile.mkdtemp(prefix="auscult-page-")) / f"{Path(report).stem}.html"
    with replace_file(Path(page)) as partial:
        partial.write_text(text, encoding="utf-8")
    return Path(page).resolve()
