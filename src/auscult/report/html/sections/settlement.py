"""What only running the model could settle, and how the readings of its weights ranked."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report._parts.settlement import value_text
from auscult.report.html._page import Page

ORDER = 40
TITLE = "Settled by running"
KEYS = ("settlement",)


def content(page: Page) -> Json | None:
    settlement = page.report.extra.get("settlement")
    if not settlement:
        return None
    choices = [
        {
            **choice,
            "value": value_text(choice["value"]),
            "runner_up": value_text(choice["runner_up"]),
        }
        for choice in settlement["choices"]
    ]
    ranking = [
        {**row, "differs": {name: value_text(value) for name, value in row["differs"].items()}}
        for row in settlement["ranking"]
    ]
    settled = sum(bool(choice["settled"]) for choice in choices)
    return {**settlement, "choices": choices, "ranking": ranking, "count": None, "settled": settled}
