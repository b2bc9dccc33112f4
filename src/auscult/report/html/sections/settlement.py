"""What only running the model could settle, and how the readings of its weights ranked."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report._parts.settle import format_value
from auscult.report.html._page import ReportPage
from auscult.report.sections.settle import SettleSection

ORDER = 40
TITLE = "Settled by running"
KEYS = ("settlement",)


def content(page: ReportPage) -> Json | None:
    section = page.find(SettleSection)
    if section is None:
        return None
    settlement = section.settlement
    choices = [
        {
            **choice,
            "value": format_value(choice["value"]),
            "runner_up": format_value(choice["runner_up"]),
        }
        for choice in settlement["choices"]
    ]
    ranking = [
        {**row, "differs": {name: format_value(value) for name, value in row["differs"].items()}}
        for row in settlement["ranking"]
    ]
    settled_count = sum(bool(choice["settled"]) for choice in choices)
    return {
        **settlement,
        "choices": choices,
        "ranking": ranking,
        "count": None,
        "settled": settled_count,
    }
