"""The report as one self-contained page: no network, sound and pictures inside, for light and dark surroundings.

Needs Jinja2. Files that the report names (`recordings`, `pictures`) are read from disk and embedded, as long as they stay
within `MAX_EMBEDDED_BYTES`; what does not fit is named instead.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from math import log10
from pathlib import Path
from typing import Any

from auscult.errors import UsageError
from auscult.finding import Json
from auscult.report._compare import first_line, stage_line, state_of, steps_line
from auscult.report._style import Style
from auscult.report.text import coverage_line
from auscult.verdict import VERSION, Report
from auscult.words import fold

MAX_EMBEDDED_BYTES = 10_000_000
MAX_PLACES = 200
MAX_MAPPING = 2000
WIDTH, HEIGHT = 900, 180
"""Of the picture of a comparison, in its own units."""
_MEDIA = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".png": "image/png"}
_ROLES = {
    "input": "Input: what should be heard",
    "heard": "Wrong: what was heard",
    "repaired": "Repaired: the settled model",
}


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001  colours are the page's own
    """The page as text.

    Raises:
        UsageError: If Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise UsageError("the html report needs Jinja2", hint="pip install 'auscult[html]'") from error

    environment = Environment(
        loader=PackageLoader("auscult.report", "html"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.j2").render(**_context(report))


def _context(report: Report) -> Json:
    budget = _Budget()
    return {
        "version": VERSION,
        "report": report,
        "verdict": report.verdict.value,
        "coverage": coverage_line(report.coverage) if report.coverage else None,
        "buckets": _buckets(report),
        "findings": [{**finding.to_json(), "places": _places(finding.where)} for finding in report.findings],
        "recordings": [_recording(item, budget) for item in report.extra.get("recordings", ())],
        "pictures": [{**item, "uri": budget.embed(item.get("file"))} for item in report.extra.get("pictures", ())],
        "settlement": report.extra.get("settlement"),
        "comparison": _comparison(report),
        "skips": _grouped_skips(report),
        "mapping": [entry.to_json() for entry in report.mapping[:MAX_MAPPING]],
        "mapping_rest": max(0, len(report.mapping) - MAX_MAPPING),
    }


class _Budget:
    """Embeds files until the page would be too large."""

    def __init__(self) -> None:
        self.left = MAX_EMBEDDED_BYTES

    def embed(self, file: str | None) -> str | None:
        """A data URI, or None where the file is not there, of no known kind, or too large."""
        path = Path(file) if file else None
        if path is None or path.suffix.lower() not in _MEDIA or not path.is_file() or path.stat().st_size > self.left:
            return None
        content = path.read_bytes()
        self.left -= len(content)
        return f"data:{_MEDIA[path.suffix.lower()]};base64,{base64.b64encode(content).decode('ascii')}"


def _recording(item: Mapping[str, Any], budget: _Budget) -> Json:
    measures = {
        "seconds": ("length", "s"),
        "sample_rate": ("sample rate", "Hz"),
        "rms": ("rms", ""),
        "movement_db": ("movement of the mel", "dB"),
        "comb_share": ("energy on the frame-rate comb", ""),
        "mel_distance_db": ("mel distance to the input", "dB"),
        "mel_correlation": ("mel correlation with the input", ""),
        "stoi": ("STOI against the input", ""),
    }
    rows = [(title, item[name], unit) for name, (title, unit) in measures.items() if item.get(name) is not None]
    return {
        "role": item["role"],
        "title": _ROLES.get(item["role"], item["role"]),
        "file": item.get("file"),
        "uri": budget.embed(item.get("file")),
        "rows": rows,
    }


def _comparison(report: Report) -> Json | None:
    """Layers with their states, and error and floor along the depth as the points of two lines on a logarithmic scale."""
    layers = report.extra.get("layers")
    if not layers:
        return None
    known = [value for layer in layers for value in (layer["error"], layer["floor"]) if value]
    low, high = (log10(min(known)) - 0.5, log10(max(known)) + 0.5) if known else (-9.0, 0.0)

    def points(name: str) -> str:
        step = WIDTH / max(1, len(layers) - 1)
        heights = [(log10(layer[name]) if layer[name] else low) if layer[name] is not None else high for layer in layers]
        return " ".join(f"{i * step:.1f},{HEIGHT * (high - value) / (high - low):.1f}" for i, value in enumerate(heights))

    return {
        "rows": [{**layer, "state": state_of(layer)} for layer in layers[:MAX_MAPPING]],
        "first": report.extra["first_divergence"],
        "first_text": first_line(report.extra["first_divergence"], Style(color=False))
        if report.extra["first_divergence"]
        else "",
        "floor": report.extra["floor"]["what"],
        "stages": [stage_line(stage, Style(color=False)) for stage in report.extra.get("stages", ())],
        "steps": [steps_line(steps, Style(color=False)) for steps in report.extra.get("steps", ())],
        "width": WIDTH,
        "height": HEIGHT,
        "error": points("error"),
        "limits": points("floor"),
        "low": f"{10**low:.0e}",
        "high": f"{10**high:.0e}",
    }


def _buckets(report: Report) -> list[tuple[str, float, float]]:
    """(name, count, share in percent) of every bucket that holds something."""
    if report.coverage is None or not report.coverage.total:
        return []
    total = report.coverage.total
    return [(name.replace("_", " "), count, 100.0 * count / total) for name, count in report.coverage.buckets.items() if count]


def _places(where: Iterable[str]) -> list[str]:
    names = [part.pattern for part in fold(where)]
    rest = len(names) - MAX_PLACES
    return [*names[:MAX_PLACES], f"and {rest} more patterns"] if rest > 0 else names


def _grouped_skips(report: Report) -> list[tuple[str, list[str]]]:
    reasons: dict[str, list[str]] = {}
    for skip in report.skips:
        reasons.setdefault(skip.reason, []).append(skip.where)
    return [(reason, _places(places)) for reason, places in reasons.items()]
