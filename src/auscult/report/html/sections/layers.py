"""The module tree with error against floor, and both along the depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.finding import Json
from auscult.report._parts.layers import first_line, stage_line, state_of, steps_line
from auscult.report._style import Style
from auscult.report.html._page import Page

ORDER = 30
TITLE = "Layers"
KEYS = ("layers", "first_divergence", "floor", "stages", "steps", "alignment")

_PLAIN = Style(color=False)
_NONE: Mapping[str, Any] = {}


def content(page: Page) -> Json | None:
    extra = page.report.extra
    layers = extra.get("layers") or ()
    if not layers:
        return None
    first = extra.get("first_divergence")
    page.data["layers"] = [_row(page, layer) for layer in layers]
    page.data["first"] = page.name(str(first["a"])) if first else None
    states = [row[5] for row in page.data["layers"]]
    return {
        "count": len(layers),
        "first": _sentence(first_line(first, _PLAIN)) if first else "",
        "first_name": first["a"] if first else "",
        "floor": (extra.get("floor") or _NONE).get("what", ""),
        "states": {
            state: states.count(state)
            for state in ("born", "grown", "differs", "same")
            if state in states
        },
        "stages": [
            {"guilty": stage["guilty"], "text": stage_line(stage, _PLAIN)}
            for stage in extra.get("stages") or ()
        ],
        "steps": [
            {"guilty": one["verdict"] != "same", "text": steps_line(one, _PLAIN)}
            for one in extra.get("steps") or ()
        ],
        "aligned": (extra.get("alignment") or _NONE).get("by", {}),
    }


def _sentence(line: str) -> str:
    """`first divergence  output of x` as `First divergence: output of x`."""
    return line[:1].upper() + line[1:].replace("  ", ": ", 1)


def _row(page: Page, layer: Mapping[str, Any]) -> list[Any]:
    """[a, b, type, error, floor, state, causes, remark]; error null where the two cannot be compared."""
    whole = {"born": False, "grown": False, "error": None, "limit": None, **layer}
    if whole["limit"] is None:
        whole["limit"] = whole.get("floor") or 0.0
    remark = str(layer.get("reason") or layer.get("doubt") or "")
    return [
        page.name(str(layer["a"])),
        page.name(str(layer.get("b", layer["a"]))),
        layer.get("type", ""),
        layer.get("error"),
        layer.get("floor"),
        state_of(whole),
        ", ".join(layer.get("causes", ())),
        remark,
    ]
