"""Whatever else a verb reports: every key of the envelope that has no part of its own, as tables and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult import plugins
from auscult.finding import Json
from auscult.report.html._page import Page
from auscult.report.json_ import plain

ORDER = 70
TITLE = "Figures"
KEYS = ("page", "provenance", "saved")
"""Keys that are shown by nobody: what leads to this very page, and what the provenance shows."""

MAX_ROWS = 200


def content(page: Page) -> Json | None:
    rest = unclaimed(page)
    return (
        {"count": None, "items": [_item(key, value) for key, value in rest.items()]}
        if rest
        else None
    )


def unclaimed(page: Page) -> Json:
    """What the verb added and no part of the page was made for."""
    claimed = {key for module in plugins.modules(__package__) for key in module.KEYS}
    return {
        key: plain(value)
        for key, value in page.report.extra.items()
        if key not in claimed and value not in (None, {}, [], ())
    }


def _item(key: str, value: Any) -> Json:
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        columns = list(dict.fromkeys(name for row in value for name in row))
        rows = [[row.get(name) for name in columns] for row in value[:MAX_ROWS]]
        return {
            "key": key,
            "form": "table",
            "columns": columns,
            "rows": rows,
            "rest": max(0, len(value) - MAX_ROWS),
        }
    if isinstance(value, Mapping):
        return {"key": key, "form": "list", "rows": list(value.items())}
    if isinstance(value, str) and "\n" in value:
        return {"key": key, "form": "code", "text": value}
    return {"key": key, "form": "list", "rows": [(key, value)]}
