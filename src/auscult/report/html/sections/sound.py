"""Players with spectrograms on one time axis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auscult.finding import Finding, Json
from auscult.report.html._audio import Sound, Span, embedded
from auscult.report.html._page import Page

ORDER = 10
TITLE = "Listen"
KEYS = ("recordings", "recording")

TITLES = {
    "input": "Input: what should be heard",
    "reference": "Reference: what should be heard",
    "heard": "Heard: what the model gave",
    "repaired": "Repaired: the settled model",
    "recording": "Recording",
}
REFERENCES = ("input", "reference")
MEASURES = {
    "movement_db": ("movement of the mel", "dB"),
    "comb_share": ("energy on the frame-rate comb", ""),
    "mel_distance_db": ("mel distance to the input", "dB"),
    "mel_correlation": ("mel correlation with the input", ""),
    "stoi": ("STOI against the input", ""),
    "rms": ("rms", ""),
}
NOT_MEASURES = ("role", "file", "seconds", "sample_rate", "channels", "start", "title", "name")


def content(page: Page) -> Json | None:
    items = recordings(page)
    if not items:
        return None
    owners = [owner(finding, items) for finding in page.report.findings]
    marks: list[list[Span]] = [[] for _ in items]
    for finding, place in zip(page.report.findings, owners, strict=True):
        if place is not None:
            marks[place] += finding.times
            for index, item in enumerate(items):  # what it is compared with stays without loss too
                if item.get("role") in REFERENCES and index != place:
                    marks[index] += finding.times
    sounds = embedded([item.get("file") for item in items], marks, page.embed)
    page.data["tracks"] = [_track(page, item, sound) for item, sound in zip(items, sounds, strict=True)]
    page.data["owners"] = owners
    return {
        "count": len(items),
        "playable": bool(page.blobs),
        "absent": [
            {"title": title_of(item), "file": sound.file, "note": sound.note}
            for item, sound in zip(items, sounds, strict=True)
            if not sound.is_here
        ],
        "limits": [line for item, sound in zip(items, sounds, strict=True) for line in _limits(item, sound)],
        "titles": [title_of(item) for item in items],
        "measures": _measures(items),
    }


def recordings(page: Page) -> list[Mapping[str, Any]]:
    """The recordings of the report, whether it speaks of several or of one."""
    extra = page.report.extra
    several = [item for item in extra.get("recordings") or () if isinstance(item, Mapping)]
    single = extra.get("recording")
    if several or not isinstance(single, Mapping):
        return several
    return [{"role": "recording", "file": page.report.subjects[0] if page.report.subjects else None, **single}]


def title_of(item: Mapping[str, Any]) -> str:
    role = str(item.get("role", "recording"))
    if item.get("title"):
        return str(item["title"])
    return Path(str(item["file"])).name if role == "recording" and item.get("file") else TITLES.get(role, role)


def owner(finding: Finding, items: list[Mapping[str, Any]]) -> int | None:
    """Which recording a finding speaks of: the one it names, else what was heard; None for findings of something else."""
    for place in finding.where[:4]:
        for index, item in enumerate(items):
            file = str(item.get("file") or "")
            if file and (place == file or Path(place).name == Path(file).name):
                return index
    if not finding.times and not finding.code.startswith("SND"):
        return None
    roles = [str(item.get("role")) for item in items]
    return next((roles.index(role) for role in ("heard", "recording") if role in roles), 0)


def _track(page: Page, item: Mapping[str, Any], sound: Sound) -> Json:
    pieces = []
    for piece in sound.pieces:
        pieces.append([piece.frames, piece.codec, len(page.blobs) if piece.codec else -1])
        if piece.codec:
            page.blobs.append(piece.content)
    return {
        "title": title_of(item),
        "role": item.get("role", "recording"),
        "rate": sound.rate,
        "channels": sound.channels,
        "frames": sound.frames,
        "start": float(item.get("start") or 0.0),
        "scale": sound.scale,
        "rms": sound.rms,
        "peak": sound.peak,
        "pieces": pieces,
    }


def _limits(item: Mapping[str, Any], sound: Sound) -> list[str]:
    """What one hears and sees here is not the file, where that is so."""
    name, rate, lines = title_of(item), sound.rate or 1, []
    lossy = sum(piece.frames for piece in sound.pieces if piece.codec == "ogg") / rate
    absent = sum(piece.frames for piece in sound.pieces if not piece.codec) / rate
    if lossy:
        lines.append(f"{name}: {lossy:.0f} s are compressed with loss (Ogg Vorbis) to keep this page small; the file is not")
    if absent and sound.is_here:
        lines.append(f"{name}: {absent:.0f} s are not in this page, which would be too large")
    if sound.non_finite:
        lines.append(f"{name}: {sound.non_finite:,} samples are not numbers; they play as silence")
    if sound.scale > 1.0:
        lines.append(f"{name}: peaks at {sound.scale:.3g} times full scale, so that playing it as it is would clip")
    return lines


def _measures(items: list[Mapping[str, Any]]) -> list[Json]:
    """One row a measure, one cell a recording."""
    names = dict.fromkeys(
        name
        for item in items
        for name, value in item.items()
        if name not in NOT_MEASURES and isinstance(value, int | float) and not isinstance(value, bool)
    )
    rows = [{"name": "length", "unit": "s", "values": [item.get("seconds") for item in items]}]
    rows.append({"name": "sample rate", "unit": "Hz", "values": [item.get("sample_rate") for item in items]})
    for name in names:
        title, unit = MEASURES.get(name, (name.replace("_", " "), ""))
        rows.append({"name": title, "unit": unit, "values": [item.get(name) for item in items]})
    return [row for row in rows if any(value is not None for value in row["values"])]
