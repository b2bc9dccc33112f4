"""The lines that only `mel` has: the definition, how exactly it fits, what stays open, and code for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.mel import MelSection
from auscult.verdict import Report

_NEUTRAL_SETTINGS = {
    "multiply": 1.0,
    "add": 0.0,
    "range_db": 0.0,
    "filter_rate": 0,
    "inside_root": 0.0,
    "reference": "one",
    "pre_emphasis": 0.0,
    "framing": "plain",
    "triangles": "hertz",
    "band_norm": "none",
}
"""Settings that are shown only where they do something."""


def iter_mel_lines(facts: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """The outcome of a search as lines; with -v the code for torchaudio and the names in configs too."""
    definition = facts["definition"]
    yield ""
    families = facts["families"]
    if families:
        yield f"the mel of {style(', '.join(families), 'bold')}"
    yield from _iter_definition_lines(definition, facts["open"], style)
    if facts["gain"] != 1.0:
        yield f"  {'samples times'.ljust(26)}  {facts['gain']:.6g}"
    if facts["axes"] == ["frames", "bands"]:
        yield f"  {'axes'.ljust(26)}  [frames, bands]: transposed"
    frame_counts = facts["frames"]
    if frame_counts["mel"] != frame_counts["definition"]:
        yield f"  {'frames'.ljust(26)}  {frame_counts['mel']}, where the definition gives {frame_counts['definition']}"
    yield ""
    if facts["exact"]:
        exactness = style("exact", "green")
    else:
        exactness = style("not exact", "yellow")
    yield (
        f"{exactness}: residual {facts['residual']:.2g} rms, {facts['worst']:.2g} at most; "
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


def _iter_definition_lines(
    definition: Mapping[str, Any], open_settings: Mapping[str, Sequence[Any]], style: Style
) -> Iterator[str]:
    from auscult.sound.mel_search.against import SETTING_WORDS

    for name, value in definition.items():
        if value == _NEUTRAL_SETTINGS.get(name, ...) and not (
            name in open_settings and name == "range_db"
        ):
            continue
        if definition["log"] == "none" and name in ("clip", "floor"):
            continue
        other_values = ", ".join(map(_format_value, open_settings.get(name, ())))
        note = f"  (or {other_values}: the mel cannot tell)" if other_values else ""
        if name == "power":
            value_text = {1: "magnitude", 2: "power"}[value]
        else:
            value_text = _format_value(value)
        yield f"  {SETTING_WORDS[name].ljust(26)}  {value_text}{style(note, 'dim')}"


def _format_value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The definition and what stays open."""
    section = find_section(report, MelSection)
    if section is not None:
        yield from iter_mel_lines(section.mel, style, verbose)


PART = VerbPart(before=show_before)
