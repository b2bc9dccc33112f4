"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

BARS = "▁▂▃▄▅▆▇█"
SPARKLINE_WIDTH = 24


def draw_sparkline(
    values: Sequence[float], low: float | None = None, high: float | None = None
) -> str:
    """At most `SPARKLINE_WIDTH` bars; values that are no numbers are `!`."""
    step = max(1, -(-len(values) // SPARKLINE_WIDTH))
    sampled_values = list(values)[::step]
    numbers = [
        value for value in sampled_values if isinstance(value, int | float) and math.isfinite(value)
    ]
    if not numbers:
        return "!" * len(sampled_values)
    bottom, top = min(numbers) if low is None else low, max(numbers) if high is None else high
    span = (top - bottom) or 1.0

    def draw_bar(value: Any) -> str:
        if value not in numbers:
            return "!"
        return BARS[max(0, min(len(BARS) - 1, int((value - bottom) / span * len(BARS))))]

    return "".join(map(draw_bar, sampled_values))
