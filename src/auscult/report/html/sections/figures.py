"""Whatever else a verb reports: every key of the envelope that has no part of its own, as tables and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult import plugins
from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.json_ import to_plain_json

ORDER = 70
TITLE = "Figures"
KEYS = ("page", "provenance", "saved")
"""Keys that are shown by nobody: what leads to this very page, and what the provenance shows."""

MAX_ROWS = 200


def content(page: ReportPage) -> Json | None:
    unclaimed_extra = find_unclaimed_extra(page)
    if unclaimed_extra:
        return {
            "count": None,
            "items": [_build_item(key, value) for key, value in unclaimed_extra.items()],
        }
    return None


def find_unclaimed_extra(page: ReportPage) -> Json:
    """What the verb added and no part of the page was made for."""
    claimed_keys = {key for module in plugins.import_modules(__package__) for key in module.KEYS}
    return {
        key: to_plain_json(value)
        for key, value in page.report.extra.items()
        if key not in claimed_keys and value not in (None, {}, [], ())
    }


def _build_item(key: str, value: Any) -> Json:
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
