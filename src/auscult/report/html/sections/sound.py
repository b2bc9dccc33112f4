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
KEYS = ("recordings", "recording", "reference")

TITLES = {
    "input": "Input: what should be heard",
    "reference": "Reference: what should be heard",
    "heard": "Heard: what the model gave",
    "repaired": "Repaired: the settled model",
    "recording": "Recording",
}
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff")
"""Of what a `run` wrote."""
REFERENCES = ("input", "reference")
MEASURES = {
    "movement_db": ("movement of the mel", "dB"),
    "comb_share": ("energy on the frame-rate comb", ""),
    "mel_distance_db": ("mel distance to the input", "dB"),
    "mel_correlation": ("mel correlation with the input", ""),
    "stoi": ("STOI against the input", ""),
    "rms": ("rms", ""),
}
NOT_MEASURES = (
    "role",
    "file",
    "seconds",
    "sample_rate",
    "channels",
    "start",
    "title",
    "name",
    "source",
)
UNITS = {"db": "dB", "dbfs": "dBFS", "hz": "Hz", "seconds": "s", "ppm": "ppm"}
"""By the last word of a measure's name."""

MAX_PLAYED = 48
"""Recordings in one page; those with findings come first."""
MAX_MEASURED = 6
"""Recordings side by side in the table of measures."""


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
    played = sorted(
        range(len(items)),
        key=lambda index: (
            items[index].get("role") not in REFERENCES,
            not items[index].get("causes"),
        ),
    )
    played = sorted(played[:MAX_PLAYED])
    made = embedded(
        [items[index].get("file") or items[index].get("source") for index in played],
        [marks[index] for index in played],
        page.embed,
    )
    note = f"this page plays {MAX_PLAYED} of {len(items):,} recordings, those with findings first"
    sounds = [Sound(str(item.get("file") or ""), note=note) for item in items]
    for index, sound in zip(played, made, strict=True):
        sounds[index] = sound
    page.data["tracks"] = [
        _track(page, item, sound) for item, sound in zip(items, sounds, strict=True)
    ]
    page.data["owners"] = owners
    absent = [
        (title_of(item), sound)
        for item, sound in zip(items, sounds, strict=True)
        if not sound.is_here
    ]
    return {
        "count": len(items),
        "playable": bool(page.blobs),
        "files": sum(item.get("role") not in REFERENCES for item in items) > 1
        and any("causes" in item for item in items),
        "absent": [
            {"title": title, "file": sound.file, "note": sound.note}
            for title, sound in absent[:MAX_MEASURED]
        ],
        "more_absent": max(0, len(absent) - MAX_MEASURED),
        "limits": [
            line for item, sound in zip(items, sounds, strict=True) for line in _limits(item, sound)
        ],
        "titles": [title_of(item) for item in items[:MAX_MEASURED]],
        "measures": _measures(items[:MAX_MEASURED]),
    }


def recordings(page: Page) -> list[Mapping[str, Any]]:
    """The recordings of the report, whether it speaks of several or of one; what they are held against comes first."""
    extra = page.report.extra
    several = [item for item in extra.get("recordings") or () if isinstance(item, Mapping)]
    single, reference = extra.get("recording"), extra.get("reference")
    if not several and isinstance(single, Mapping):
        several = [
            {
                "role": "recording",
                "file": page.report.subjects[0] if page.report.subjects else None,
                **single,
            }
        ]
    made = extra.get("run")
    if (
        not several
        and isinstance(made, Mapping)
        and str(made.get("file", "")).lower().endswith(SUFFIXES)
    ):
        several = [
            {
                "role": "recording",
                **{key: made.get(key) for key in ("file", "seconds", "sample_rate")},
            }
        ]
    if isinstance(reference, Mapping) and several:
        several = [{"role": "reference", **reference}, *several]
    alone = len(several) == 1 and several[0].get("role") == "heard"
    return [{**several[0], "role": "recording"}] if alone else several


def title_of(item: Mapping[str, Any]) -> str:
    role = str(item.get("role", "recording"))
    if item.get("title"):
        return str(item["title"])
    many = role == "recording" or "causes" in item
    return Path(str(item["file"])).name if many and item.get("file") else TITLES.get(role, role)


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
        "file": sound.file,
        "seconds": item.get("seconds"),
        "sampleRate": item.get("sample_rate"),
        "causes": [
            {
                "cause": cause.get("cause"),
                "code": cause.get("code"),
                "severity": cause.get("severity"),
                "times": cause.get("times", []),
            }
            for cause in item.get("causes") or ()
        ],
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
        lines.append(
            f"{name}: {lossy:.0f} s are compressed with loss (Ogg Vorbis) to keep this page small; the file is not"
        )
    if absent and sound.is_here:
        lines.append(f"{name}: {absent:.0f} s are not in this page, which would be too large")
    if sound.non_finite:
        lines.append(f"{name}: {sound.non_finite:,} samples are not numbers; they play as silence")
    if sound.scale > 1.0:
        lines.append(
            f"{name}: peaks at {sound.scale:.3g} times full scale, so that playing it as it is would clip"
        )
    return lines


def _measures(items: list[Mapping[str, Any]]) -> list[Json]:
    """One row a measure, one cell a recording."""
    numbers = [_numbers({**item, **(item.get("measures") or {})}) for item in items]
    rows = [{"name": "length", "unit": "s", "values": [item.get("seconds") for item in items]}]
    rows.append(
        {"name": "sample rate", "unit": "Hz", "values": [item.get("sample_rate") for item in items]}
    )
    for name in dict.fromkeys(name for row in numbers for name in row):
        words, _, last = name.rpartition("_")
        title, unit = MEASURES.get(
            name,
            (words.replace("_", " "), UNITS[last])
            if last in UNITS
            else (name.replace("_", " "), ""),
        )
        rows.append({"name": title, "unit": unit, "values": [row.get(name) for row in numbers]})
    return [row for row in rows if any(value is not None for value in row["values"])]


def _numbers(item: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in item.items()
        if name not in NOT_MEASURES
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    }
