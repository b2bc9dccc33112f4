"""The answer of a diagnosis: cause, place, what was heard, the evidence, and what to run next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from auscult.finding import Finding
from auscult.report._style import Style
from auscult.report._where import where_text
from auscult.verdict import Report, Verdict

BEFORE = True
WIDTH = 100
MAX_LINES = 3
MAX_SUSPECTS = 4
MAX_OTHERS = 4
LABEL = 10
BUCKETS = {
    "equivalent": "equal once rearranged",
    "close": "equal within rounding",
    "born": "wrong by themselves",
    "grown": "wrong by what they are handed",
    "only_in_a": "only on the candidate's side",
    "only_in_b": "only on the other side",
}
"""What the buckets of a coverage mean, where their names do not say it."""


STAGES = {
    "CKP": "the file that holds the weights",
    "LAY": "the file that holds the weights, as it was converted",
    "ARC": "the code, which does not fit the weights",
    "PAR": "what the code computes",
    "SND": "how the samples were written or labelled",
    "TRN": "the training",
}
"""Where in the making of a sound the cause lies, by the first letters of its code."""


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """Cause, where, what it explains, the evidence, and what to run next: the answer before its findings."""
    found = report.extra["diagnosis"]
    cause = _of(report, found["cause"])
    if cause is not None:
        yield from _said("cause", f"{cause.cause} ({cause.code}): {cause.message}", style, "red")
        yield from _said("where", where_text(cause.where), style)
        if cause.code[:3] in STAGES:
            yield from _said("stage", STAGES[cause.code[:3]], style)
    elif report.verdict is Verdict.INCONCLUSIVE:
        yield from _said("cause", "not shown by the evidence at hand", style, "yellow")
    for symptom in found["symptoms"]:
        yield from _symptom(report, symptom, cause, style)
    if found.get("follows"):
        yield from _said(
            "follows", f"{_list(found['follows'])}: look again once the cause is mended", style
        )
    for other in found["others"][:MAX_OTHERS]:
        yield from _said("also", _briefly(report, other), style, lines=1)
    if found["others"][MAX_OTHERS:]:
        yield from _said("also", _list(found["others"][MAX_OTHERS:]), style)
    for line in found["evidence"]:
        yield from _said("evidence", _evidence(line), style)
    for suspect in found["suspects"][:MAX_SUSPECTS]:
        yield from _said("suspect", f"{suspect['why']} ({', '.join(suspect['causes'][:3])})", style)
    if found["next"]:
        yield from _said("next", found["next"], style, "green")
    if found.get("not_given"):
        yield from _said("not given", ", ".join(found["not_given"]), style)


def told(report: Report) -> frozenset[str]:
    """Codes of the findings that the answer has said already."""
    found = report.extra["diagnosis"]
    named = [
        *([found["cause"]] if found["cause"] else []),
        *found["symptoms"],
        *found.get("follows", ()),
        *found["others"],
    ]
    return frozenset(item["code"] for item in named)


def _symptom(
    report: Report, symptom: Mapping[str, Any], cause: Finding | None, style: Style
) -> Iterator[str]:
    """What was measured, unless it is the cause itself, and how the cause makes it."""
    measured = _of(report, symptom)
    if measured is not None and measured is cause:
        return
    name = f"{symptom['cause']} ({symptom['code']})"
    why = symptom["explained"]
    yield from _said("heard", f"{name}: {measured.message}" if measured else name, style)
    if why:
        yield from _said("", f"because {why}", style)
    elif cause is not None:
        yield from _said(
            "", "the cause does not explain it: a second fault, or gone with the first", style
        )


def _of(report: Report, named: Mapping[str, Any] | None) -> Finding | None:
    """The finding that the diagnosis names."""
    if named is None:
        return None
    return next(
        (f for f in report.findings if (f.code, f.cause) == (named["code"], named["cause"])), None
    )


def _briefly(report: Report, named: Mapping[str, Any]) -> str:
    finding = _of(report, named)
    return f"{named['cause']} ({named['code']})" + (f": {finding.message}" if finding else "")


def _list(items: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(f"{item['cause']} ({item['code']})" for item in items))


def _evidence(line: Mapping[str, Any]) -> str:
    counted = line.get("coverage")
    buckets = {
        name: count
        for name, count in (counted or {}).items()
        if name not in {"unit", "total"} and count
    }
    parts = [
        f"{count:g} {BUCKETS.get(name, name.replace('_', ' '))}" for name, count in buckets.items()
    ]
    said = f": {', '.join(parts)}" if parts else f": {line['says']}" if line.get("says") else ""
    first = line.get("first_divergence")
    place = (
        first
        if isinstance(first, str) or not first
        else first.get("a") or first.get("b") or "the whole model"
    )
    born = f"; the first wrong layer is {place}" if place else ""
    return f"{line['kind']} {line['verdict']}{said}{born}"


def _said(
    label: str, text: str, style: Style, *colors: str, lines: int = MAX_LINES
) -> Iterator[str]:
    """A labelled text, wrapped under itself; a command stays on one line, so that it can be copied."""
    if "auscult " in text and label == "next":
        rows = [text]
    else:
        rows = wrap(
            text, WIDTH - LABEL, max_lines=lines, placeholder=" …", break_on_hyphens=False
        ) or [""]
    yield f"{style(f'{label:{LABEL}}', 'bold', *colors)}{rows[0]}"
    yield from (" " * LABEL + row for row in rows[1:])
