"""The answer of a diagnosis: cause, place, what was heard, the evidence, and what to run next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from auscult.finding import Finding
from auscult.report._brief import BRIEF_LINES, BRIEF_WIDTH
from auscult.report._style import Style
from auscult.report._where import where_text
from auscult.verdict import Report

BEFORE = True


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """Cause, where, what it explains, the evidence, and what to run next: the answer before its findings."""
    found = report.extra["diagnosis"]
    cause = _of(report, found["cause"])
    if cause is not None:
        yield from _said("cause", f"{cause.cause} ({cause.code}): {cause.message}", style, "red")
        yield from _said("where", where_text(cause.where), style)
    elif found["symptoms"]:
        yield from _said("cause", "not shown by the evidence at hand", style, "yellow")
    for symptom in found["symptoms"]:
        why = symptom["explained"]
        text = f"{symptom['cause']} ({symptom['code']})"
        yield from _said("heard", f"{text}: {why}" if why else text, style)
    for line in found["evidence"]:
        yield from _said("evidence", _evidence(line), style)
    for suspect in found["suspects"]:
        yield from _said("suspect", f"{suspect['why']} ({', '.join(suspect['causes'][:3])})", style)
    if found["others"]:
        yield from _said("also", ", ".join(dict.fromkeys(f"{item['cause']} ({item['code']})" for item in found["others"])), style)
    if found["next"]:
        yield from _said("next", found["next"], style, "green")


def _of(report: Report, named: Mapping[str, Any] | None) -> Finding | None:
    """The finding that the diagnosis names."""
    if named is None:
        return None
    return next((f for f in report.findings if (f.code, f.cause) == (named["code"], named["cause"])), None)


def _evidence(line: Mapping[str, Any]) -> str:
    counted = line.get("coverage")
    buckets = {name: count for name, count in (counted or {}).items() if name not in {"unit", "total"} and count}
    parts = [f"{count:g} {name.replace('_', ' ')}" for name, count in buckets.items()]
    said = f": {', '.join(parts)}" if parts else ""
    first = line.get("first_divergence")
    born = f"; the first wrong layer is {first if isinstance(first, str) else first.get('a') or first.get('b')}" if first else ""
    return f"{line['kind']} {line['verdict']}{said}{born}"


def _said(label: str, text: str, style: Style, *colors: str) -> Iterator[str]:
    """A labelled line, wrapped under itself."""
    lines = wrap(text, BRIEF_WIDTH - 10, max_lines=BRIEF_LINES, placeholder=" …", break_on_hyphens=False) or [""]
    yield f"{style(f'{label:10}', 'bold', *colors)}{lines[0]}"
    yield from (" " * 10 + line for line in lines[1:])
