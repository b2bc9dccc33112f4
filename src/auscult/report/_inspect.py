"""The lines that only `inspect` has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._style import Style


def inspect_lines(extra: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """What the file is."""
    facts = extra["checkpoint"]
    yield f"{style('format', 'dim')} {facts['format']}"
