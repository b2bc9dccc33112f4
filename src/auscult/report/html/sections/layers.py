"""The module tree with error against floor, and both along the depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.finding import Json
from auscult.report._glossary import FLOOR_MEANING, STATE_MEANINGS
from auscult.report._parts.compare import (
    classify_layer,
    format_first_divergence,
    format_stage,
    format_steps,
)
from auscult.report._style import Style
from auscult.report.html._page import ReportPage
from auscult.report.sections.compare import CompareSection

ORDER = 30
TITLE = "Layers"
KEYS = ("layers", "first_divergence", "floor", "stages", "steps", "alignment")

_PLAIN_STYLE = Style(color=False)


def content(page: ReportPage) -> Json | None:
    section = page.find(CompareSection)
    if section is None or not section.layers:
        return None
    layers, first = section.layers, section.first_divergence
    page.data["layers"] = [_build_row(page, layer) for layer in layers]
    page.data["first"] = page.name(str(first["a"])) if first else None
    states = [row[5] for row in page.data["layers"]]
    return {
        "count": len(layers),
        "first": _to_sentence(format_first_divergence(first, _PLAIN_STYLE)) if first else "",
        "first_name": first["a"] if first else "",
        "floor_meaning": FLOOR_MEANING,
        "state_meanings": STATE_MEANINGS,
        "floor": section.floor.get("what", ""),
        "states": {
            state: states.count(state)
            for state in ("born", "grown", "differs", "same")
            if state in states
        },
        "stages": [
            {"guilty": stage["guilty"], "text": format_stage(stage, _PLAIN_STYLE)}
            for stage in section.stages or ()
        ],
        "steps": [
            {
                "guilty": steps_facts["verdict"] != "same",
                "text": format_steps(steps_facts, _PLAIN_STYLE),
            }
            for steps_facts in section.steps or ()
        ],
        "aligned": section.alignment.get("by", {}),
    }


def _to_sentence(line: str) -> str:
    """`first divergence  output of x` as `First divergence: output of x`."""
    return line[:1].upper() + line[1:].replace("  ", ": ", 1)


def _build_row(page: ReportPage, layer: Mapping[str, Any]) -> list[Any]:
    """[a, b, type, error, floor, state, causes, remark]; error null where the two cannot be compared."""
    complete_layer = {"born": False, "grown": False, "error": None, "limit": None, **layer}
    if complete_layer["limit"] is None:
        complete_layer["limit"] = complete_layer.get("floor") or 0.0
    remark = str(layer.get("reason") or layer.get("doubt") or "")
    return [
        page.name(str(layer["a"])),
        page.name(str(layer.get("b", layer["a"]))),
        layer.get("type", ""),
        layer.get("error"),
        layer.get("floor"),
        classify_layer(complete_layer),
        ", ".join(layer.get("causes", ())),
        remark,
    ]
