"""What a file is: its form, its family, its modules, and its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.finding import Json
from auscult.report._parts.inspect import format_health, format_shape, format_size
from auscult.report.html._page import ReportPage
from auscult.report.html._text import format_inline
from auscult.report.sections.inspect import InspectSection

ORDER = 25
TITLE = "Checkpoint"
KEYS = ("checkpoint",)

CheckpointFacts = Mapping[str, Any]


def content(page: ReportPage) -> Json | None:
    section = page.find(InspectSection)
    if section is None:
        return None
    facts = section.checkpoint
    page.data["modules"] = [_build_module_row(page, row) for row in facts.get("modules") or ()]
    page.data["tensors"] = [_build_tensor_row(page, row) for row in facts.get("tensor_list") or ()]
    return {
        "count": facts.get("tensors"),
        "facts": list(_iter_facts(facts)),
        "settled": {
            key: value
            for key, value in facts.get("hyperparameters", {}).items()
            if key not in facts.get("undetermined", {})
        },
        "open": facts.get("undetermined") or {},
        "nearest": facts.get("nearest") or (),
        "containers": [
            row
            for row in facts.get("containers") or ()
            if len(facts["containers"]) > 1 or row.get("path")
        ],
        "metadata": facts.get("metadata") or {},
        "ties": facts.get("ties") or (),
        "modules": len(page.data["modules"]),
        "tensors": len(page.data["tensors"]),
        "histograms": [
            _build_histogram(name, item) for name, item in (facts.get("histograms") or {}).items()
        ],
    }


def _iter_facts(facts: CheckpointFacts) -> Iterator[tuple[str, str, str]]:
    """(title, fact, what it rests on)."""
    if facts.get("family"):
        nearest = facts.get("nearest") or ({"score": 1.0},)
        prefix_note = f", under {facts['prefix']}" if facts.get("prefix") else ""
        name = f"{facts['family']} {facts.get('variant') or ''}".strip()
        yield "family", name, f"{nearest[0]['score']:.0%} of names and shapes{prefix_note}"
    else:
        yield "family", "none that auscult knows", ""
    yield "format", str(facts.get("format")), format_inline(facts.get("dtypes") or {})
    if facts.get("parameters") is not None:
        yield (
            "size",
            f"{facts['parameters']:,} values in {facts['tensors']:,} tensors",
            format_size(facts.get("bytes") or 0),
        )
    yield "layout", str(facts.get("layout")), str(facts.get("layout_evidence", ""))
    yield (
        "parametrisation",
        str(facts.get("parametrisation")),
        str(facts.get("parametrisation_evidence", "")),
    )
    if facts.get("health"):
        condition, _, coverage_text = format_health(facts["health"]).partition("; ")
        yield "health", condition, coverage_text


def _build_module_row(page: ReportPage, row: CheckpointFacts) -> list[Any]:
    leaves = ", ".join(
        f"{leaf['name']} {format_shape(leaf['shape'])}" for leaf in row["tensors"][:8]
    )
    more_note = f" +{len(row['tensors']) - 8}" if len(row["tensors"]) > 8 else ""
    return [
        page.name(row["path"] or "(top level)"),
        row.get("type") or "",
        row["count"],
        row["parameters"],
        leaves + more_note,
    ]


def _build_tensor_row(page: ReportPage, row: CheckpointFacts) -> list[Any]:
    """[name, shape, dtype, minimum, maximum, mean, std, remark]."""
    measures = [row.get(name) for name in ("minimum", "maximum", "mean", "std")]
    return [
        page.name(row["name"]),
        format_shape(row["shape"]),
        row["dtype"],
        *measures,
        row.get("fresh") or "",
    ]


def _build_histogram(name: str, item: CheckpointFacts) -> Json:
    counts, edges = item["counts"], item["edges"]
    top = max(counts) or 1
    heights = [round(100 * (count / top) ** 0.5, 1) for count in counts]
    return {
        "name": name,
        "low": edges[0],
        "high": edges[-1],
        "heights": heights,
        "total": sum(counts),
    }
