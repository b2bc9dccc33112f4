"""The lines that only `mel` has: the definition, how exactly it fits, what stays open, and code for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True
_PLAIN = {
    "multiply": 1.0,
    "add": 0.0,
    "range_db": 0.0,
    "filter_rate": 0,
    "inside_root": 0.0,
    "reference": "one",
}
"""Settings that are shown only where they do something."""


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The definition and what stays open."""
    yield from mel_lines(report.extra["mel"], style, verbose)


def mel_lines(facts: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """The outcome of a search as lines; with -v the code for torchaudio and the names in configs too."""
    definition = facts["definition"]
    yield ""
    known = facts["families"]
    if known:
        yield f"the mel of {style(', '.join(known), 'bold')}"
    yield from _definition_lines(definition, facts["open"], style)
    if facts["gain"] != 1.0:
        yield f"  {'samples times'.ljust(26)}  {facts['gain']:.6g}"
    if facts["axes"] == ["frames", "bands"]:
        yield f"  {'axes'.ljust(26)}  [frames, bands]: transposed"
    counted = facts["frames"]
    if counted["mel"] != counted["definition"]:
        yield f"  {'frames'.ljust(26)}  {counted['mel']}, where the definition gives {counted['definition']}"
    yield ""
    exact = style("exact", "green") if facts["exact"] else style("not exact", "yellow")
    yield (
        f"{exact}: residual {facts['residual']:.2g} rms, {facts['worst']:.2g} at most; "
        f"{facts['residual_share']:.2g} of the mel's standard deviation; {facts['tried']} definitions tried"
    )
    yield ""
    yield from (style(line, "dim") for line in facts["code"]["librosa"].splitlines())
    if verbose > 0:
        yield ""
        yield from (style(line, "dim") for line in facts["code"]["torchaudio"].splitlines())
        yield ""
        for name, settings in facts["configs"].items():
            yield style(
                f"{name}: {', '.join(f'{key}={value}' for key, value in settings.items())}", "dim"
            )


def _definition_lines(
    definition: Mapping[str, Any], still_open: Mapping[str, Sequence[Any]], style: Style
) -> Iterator[str]:
    from auscult.sound.mel_search.against import WORDS

    for name, value in definition.items():
        if value == _PLAIN.get(name, ...) and not (name in still_open and name == "range_db"):
            continue
        if definition["log"] == "none" and name in ("clip", "floor"):
            continue
        others = ", ".join(map(_shown, still_open.get(name, ())))
        note = f"  (or {others}: the mel cannot tell)" if others else ""
        shown = {1: "magnitude", 2: "power"}[value] if name == "power" else _shown(value)
        yield f"  {WORDS[name].ljust(26)}  {shown}{style(note, 'dim')}"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
