"""Which names of the one side are which of the other, after which operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.html._text import format_inline
from auscult.verdict import MappingEntry

ORDER = 60
TITLE = "Mapping"
KEYS = ("compared",)


def content(page: ReportPage) -> Json | None:
    entries = page.report.mapping
    if not entries:
        return None
    page.data["mapping"] = [_build_row(page, entry) for entry in entries]
    kinds = Counter(_name_kind(entry) for entry in entries)
    ops = Counter(str(op.get("op")) for entry in entries for op in entry.ops)
    return {
        "count": len(entries),
        "kinds": dict(kinds),
        "ops": dict(ops.most_common()),
        "shapes_only": all(entry.compared == "shapes" for entry in entries),
        "sides": page.report.subjects[:2] if len(page.report.subjects) >= 2 else ("a", "b"),
    }


def _build_row(page: ReportPage, entry: MappingEntry) -> list[Any]:
    """[names of a, names of b, operations as text, kind]."""
    text = " → ".join(format_operation(op) for op in entry.ops)
    if entry.backward:
        text = f"from b to a: {text}"
    kind = _name_kind(entry) + (f" ({entry.number_format})" if entry.number_format else "")
    return [page.names(entry.a), page.names(entry.b), text, kind]


def _name_kind(entry: MappingEntry) -> str:
    if entry.compared == "shapes":
        return f"{entry.equality.value} shape"
    return entry.equality.value


def format_operation(op: Mapping[str, Any]) -> str:
    """`permute(axes 0, 2, 1)`."""
    arguments = "; ".join(
        f"{name} {format_inline(value)}" for name, value in op.items() if name != "op"
    )
    if arguments:
        return f"{op.get('op')}({arguments})"
    return str(op.get("op"))
