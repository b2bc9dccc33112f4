"""The properties of a model that was held against itself, and a picture of what rounding does to its layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.sections.check import CheckSection

ORDER = 30
TITLE = "Properties"
KEYS = ("properties", "precision")

BADGES = {"holds": "good", "broken": "bad", "changed": "warn"}
MAX_BARS = 48
"""Layers in one picture."""
DECADES = 4
"""Powers of ten below the largest error that a bar still shows."""


def content(page: ReportPage) -> Json | None:
    section = page.find(CheckSection)
    if section is None:
        return None
    return {
        "count": len(section.properties),
        "rows": [
            {**row, "badge": BADGES.get(str(row["outcome"]), "")} for row in section.properties
        ],
        "formats": [_draw_format(row) for row in section.precision or ()],
    }


def _draw_format(row: Mapping[str, Any]) -> Json:
    """Bars whose height is the logarithm of a layer's own error, the largest on the left."""
    layers = list(row["layers"])[:MAX_BARS]
    finite = [layer["error"] for layer in layers if layer["error"]]
    top = max(finite, default=1.0)
    kept = {str(path) or "(model)" for path in row["kept"]}
    return {
        "format": row["format"],
        "error": row["error"],
        "error_with_kept": row["error_with_kept"],
        "kept": sorted(kept),
        "bars": [
            {
                "path": layer["path"],
                "error": layer["error"],
                "height": _scale_height(layer["error"], top),
                "is_kept": layer["path"] in kept,
            }
            for layer in layers
        ],
    }


def _scale_height(error: float | None, top: float) -> int:
    """Percent of the picture."""
    if error is None:
        return 100
    if error <= 0:
        return 0
    return round(100 * max(0.0, 1 + math.log10(error / top) / DECADES))
