"""The part of a diagnosis that findings do not say: what was settled, how the recordings compare, what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from auscult.finding import Finding
from auscult.report._style import Style
from auscult.report._where import where_text
from auscult.verdict import Report

BRIEF_WIDTH = 118
BRIEF_LINES = 2
_ROLES = {"input": "input", "heard": "wrong", "repaired": "repaired"}


def diagnosis_lines(extra: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """The settlement, one line per recording, and the files; nothing where the report has none of these."""
    settlement = extra.get("settlement")
    if settlement:
        yield ""
        yield from _settlement_lines(settlement, style, verbose)
    recordings = extra.get("recordings", ())
    if recordings:
        yield ""
        yield from (_recording_line(item, style) for item in recordings)
    files = [item["file"] for item in (*recordings, *extra.get("pictures", ())) if item.get("file")]
    files += [extra["page"]] if extra.get("page") else []
    if files:
        yield f"{style('wrote', 'bold')}  {'  '.join(files)}"


def chain_lines(report: Report, style: Style) -> Iterator[str]:
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


def brief_lines(report: Report, style: Style) -> Iterator[str]:
    """At most `BRIEF_LINES` lines per finding, without its places: the whole diagnosis on one screen."""
    causes = max((len(finding.cause) for finding in report.findings), default=0)
    for finding in report.findings:
        color = {"error": "red", "warning": "yellow", "info": "cyan"}[finding.severity.value]
        lead = f"{finding.code} {finding.severity.value:7} {finding.cause:{causes}}  "
        room = BRIEF_WIDTH - len(lead)
        said = wrap(finding.message, room, max_lines=BRIEF_LINES, placeholder=" …", break_on_hyphens=False)
        yield f"{style(lead[:6], 'bold')} {style(lead[7:14], color)}{lead[14:]}{said[0]}"
        yield from (" " * len(lead) + line for line in said[1:])


def _settlement_lines(settlement: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    if not settlement["works"]:
        yield style("nothing is settled: no reading of the model gives the input's mel back", "yellow")
    settled = [choice for choice in settlement["choices"] if choice["settled"]]
    if settled:
        said = ", ".join(f"{c['field']} {value_text(c['value'])} ({c['sigmas']:.0f}σ)" for c in settled)
        yield f"{style('settled', 'green')} by {settlement['runs']} runs: {said}"
    rows = settlement["ranking"] if verbose > 0 else _short(settlement["ranking"])
    yield style("rank  mel distance  reading", "dim")
    for row in rows:
        distance = "not a number" if row["distance"] is None else f"{row['distance']:.3f}"
        differs = ", ".join(f"{name} {value_text(value)}" for name, value in row["differs"].items())
        name = style(row["name"], "bold") + (": " if differs else "") if row["name"] else ""
        yield f"{row['rank']:4d}  {distance:>12}  {name}{differs}"


def _short(ranking: list[Any]) -> list[Any]:
    """The first three, and every reading that has a name."""
    return [row for index, row in enumerate(ranking) if index < 3 or row["name"]]


def value_text(value: Any) -> str:
    """A choice's value for people."""
    if isinstance(value, list | tuple):
        return "/".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _recording_line(item: Mapping[str, Any], style: Style) -> str:
    parts = [f"{item['seconds']:.1f} s", f"the mel moves by {item['movement_db']:.1f} dB"]
    if item.get("comb_share") is not None:
        parts.append(f"{item['comb_share']:.0%} on the frame-rate comb")
    if item.get("mel_distance_db") is not None:
        parts.append(f"{item['mel_distance_db']:.1f} dB from the input's mel (correlation {item['mel_correlation']:.2f})")
    return f"{style(_ROLES.get(item['role'], item['role']), 'bold')}  {', '.join(parts)}"
