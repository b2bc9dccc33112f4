"""Pictures that the command drew and the page cannot draw by itself."""

from __future__ import annotations

import base64
from pathlib import Path

from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.sections.diagnose import DiagnoseSection

ORDER = 50
TITLE = "Pictures"
KEYS = ("pictures",)

MAX_BYTES = 4_000_000
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}


def content(page: ReportPage) -> Json | None:
    section = page.find(DiagnoseSection)
    pictures = (section.pictures if section is not None else None) or ()
    if page.blobs:  # the players draw their own, at every zoom
        pictures = [
            item for item in pictures if not item["title"].lower().startswith("mel spectrogram")
        ]
    if not pictures:
        return None
    return {
        "count": None,
        "items": [
            {
                "title": item["title"],
                "file": item.get("file"),
                "uri": _to_data_uri(item.get("file")),
            }
            for item in pictures
        ],
    }


def _to_data_uri(file: str | None) -> str | None:
    """A data URI; None where the file is not there, of no known kind, or too large."""
    path = Path(file) if file else None
    if (
        path is None
        or path.suffix.lower() not in MEDIA_TYPES
        or not path.is_file()
        or path.stat().st_size > MAX_BYTES
    ):
        return None
    return f"data:{MEDIA_TYPES[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
