"""Players with spectrograms on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auscult.facts.audio_files import READABLE_SUFFIXES
from auscult.finding import Domain, Finding, Json
from auscult.report.html._audio import EmbeddedSound, TimeSpan, embed_recordings
from auscult.report.html._page import ReportPage
from auscult.report.sections import Facts
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.report.sections.listen import ListenSection
from auscult.report.sections.run import RunSection

ORDER = 10
TITLE = "Listen"
KEYS = ("recordings", "recording", "reference")

ROLE_TITLES = {
    "input": "Input: what should be heard",
    "reference": "Reference: what should be heard",
    "heard": "Heard: what the model gave",
    "repaired": "Repaired: the settled model",
    "recording": "Recording",
}
"""Of what a `run` wrote."""
REFERENCE_ROLES = ("input", "reference")
MEASURE_TITLES = {
    "movement_db": ("movement of the mel", "dB"),
    "comb_share": ("energy on the frame-rate comb", ""),
    "mel_distance_db": ("mel distance to the input", "dB"),
    "mel_correlation": ("mel correlation with the input", ""),
    "stoi": ("STOI against the input", ""),
    "rms": ("rms", ""),
}
NON_MEASURE_KEYS = (
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
UNIT_BY_SUFFIX = {"db": "dB", "dbfs": "dBFS", "hz": "Hz", "seconds": "s", "ppm": "ppm"}
"""By the last word of a measure's name."""

MAX_PLAYED_RECORDINGS = 48
"""Recordings in one page; those with findings come first."""
MAX_MEASURED_RECORDINGS = 6
"""Recordings side by side in the table of measures."""


def content(page: ReportPage) -> Json | None:
    items = find_recordings(page)
    if not items:
        return None
    owners = [find_owner(finding, items) for finding in page.report.findings]
    sounds = _embed_sounds(page, items, _collect_marks(page.report.findings, owners, items))
    pairs = list(zip(items, sounds, strict=True))
    page.data["tracks"] = [_build_track(page, item, sound) for item, sound in pairs]
    page.data["owners"] = owners
    absent = [
        {"title": choose_title(item), "file": sound.file, "note": sound.note}
        for item, sound in pairs
        if not sound.is_embedded
    ]
    limits = [line for item, sound in pairs for line in _describe_limits(item, sound)]
    return {
        "count": len(items),
        "playable": bool(page.blobs),
        "files": _is_list_of_files(items),
        "absent": absent[:MAX_MEASURED_RECORDINGS],
        "more_absent": max(0, len(absent) - MAX_MEASURED_RECORDINGS),
        "limits": limits,
        "titles": [choose_title(item) for item in items[:MAX_MEASURED_RECORDINGS]],
        "measures": _build_measure_rows(items[:MAX_MEASURED_RECORDINGS]),
    }


def _collect_marks(
    findings: Sequence[Finding], owners: Sequence[int | None], items: Sequence[Facts]
) -> list[list[TimeSpan]]:
    """The times of which findings speak, per recording; those of a reference stay without loss too."""
    marks: list[list[TimeSpan]] = [[] for _ in items]
    for finding, owner_index in zip(findings, owners, strict=True):
        if owner_index is None:
            continue
        marks[owner_index] += finding.times
        for index, item in enumerate(items):
            if _is_reference(item) and index != owner_index:
                marks[index] += finding.times
    return marks


def _embed_sounds(
    page: ReportPage, items: Sequence[Facts], marks: Sequence[Sequence[TimeSpan]]
) -> list[EmbeddedSound]:
    """The recordings as the page plays them: references and those with findings, then the others."""
    ranked_indices = sorted(
        range(len(items)),
        key=lambda index: (not _is_reference(items[index]), not items[index].get("causes")),
    )
    played_indices = sorted(ranked_indices[:MAX_PLAYED_RECORDINGS])
    embedded_sounds = embed_recordings(
        [items[index].get("file") or items[index].get("source") for index in played_indices],
        [marks[index] for index in played_indices],
        page.embed,
    )
    note = (
        f"this page plays {MAX_PLAYED_RECORDINGS} of {len(items):,} recordings, "
        "those with findings first"
    )
    sounds = [EmbeddedSound(str(item.get("file") or ""), note=note) for item in items]
    for index, sound in zip(played_indices, embedded_sounds, strict=True):
        sounds[index] = sound
    return sounds


def _is_reference(item: Facts) -> bool:
    return item.get("role") in REFERENCE_ROLES


def _is_list_of_files(items: Sequence[Facts]) -> bool:
    """Whether several recordings were judged, each by itself."""
    judged_count = sum(not _is_reference(item) for item in items)
    return judged_count > 1 and any("causes" in item for item in items)


def find_recordings(page: ReportPage) -> list[Facts]:
    """The recordings of the report, whichever verb made it; the reference comes first."""
    listened = page.find(ListenSection)
    if listened is not None:
        items = list(listened.recordings)
        if items and listened.reference is not None:
            items = [{"role": "reference", **listened.reference}, *items]
    else:
        items = _find_made_recordings(page)
    is_single_output = len(items) == 1 and items[0].get("role") == "heard"
    if is_single_output:
        return [{**items[0], "role": "recording"}]
    return items


def _find_made_recordings(page: ReportPage) -> list[Facts]:
    """The recordings of a diagnosis, or the sound that a run made."""
    diagnosed, ran = page.find(DiagnoseSection), page.find(RunSection)
    if diagnosed is not None:
        return list(diagnosed.recordings)
    if ran is None or not str(ran.run.get("file", "")).lower().endswith(READABLE_SUFFIXES):
        return []
    return [
        {
            "role": "recording",
            **{key: ran.run.get(key) for key in ("file", "seconds", "sample_rate")},
        }
    ]


def choose_title(item: Facts) -> str:
    role = str(item.get("role", "recording"))
    if item.get("title"):
        return str(item["title"])
    is_named_by_file = role == "recording" or "causes" in item
    if is_named_by_file and item.get("file"):
        return Path(str(item["file"])).name
    return ROLE_TITLES.get(role, role)


def find_owner(finding: Finding, items: Sequence[Facts]) -> int | None:
    """Which recording a finding speaks of: the one it names, else what was heard; None for findings of something else."""
    for place in finding.where[:4]:
        for index, item in enumerate(items):
            file = str(item.get("file") or "")
            if file and (place == file or Path(place).name == Path(file).name):
                return index
    if not finding.times and finding.domain is not Domain.SOUND:
        return None
    roles = [str(item.get("role")) for item in items]
    return next((roles.index(role) for role in ("heard", "recording") if role in roles), 0)


def _build_track(page: ReportPage, item: Facts, sound: EmbeddedSound) -> Json:
    pieces = []
    for piece in sound.pieces:
        pieces.append([piece.frames, piece.codec, len(page.blobs) if piece.codec else -1])
        if piece.codec:
            page.blobs.append(piece.content)
    return {
        "title": choose_title(item),
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


def _describe_limits(item: Facts, sound: EmbeddedSound) -> list[str]:
    """What one hears and sees here is not the file, where that is so."""
    name, rate, lines = choose_title(item), sound.rate or 1, []
    lossy_seconds = sum(piece.frames for piece in sound.pieces if piece.codec == "ogg") / rate
    absent_seconds = sum(piece.frames for piece in sound.pieces if not piece.codec) / rate
    if lossy_seconds:
        lines.append(
            f"{name}: {lossy_seconds:.0f} s are compressed with loss (Ogg Vorbis) to keep this page small; the file is not"
        )
    if absent_seconds and sound.is_embedded:
        lines.append(
            f"{name}: {absent_seconds:.0f} s are not in this page, which would be too large"
        )
    if sound.non_finite:
        lines.append(f"{name}: {sound.non_finite:,} samples are not numbers; they play as silence")
    if sound.scale > 1.0:
        lines.append(
            f"{name}: peaks at {sound.scale:.3g} times full scale, so that playing it as it is would clip"
        )
    return lines


def _build_measure_rows(items: Sequence[Facts]) -> list[Json]:
    """One row a measure, one cell a recording."""
    numbers = [_select_numbers({**item, **(item.get("measures") or {})}) for item in items]
    rows = [{"name": "length", "unit": "s", "values": [item.get("seconds") for item in items]}]
    rows.append(
        {"name": "sample rate", "unit": "Hz", "values": [item.get("sample_rate") for item in items]}
    )
    for name in dict.fromkeys(name for row in numbers for name in row):
        words, _, last = name.rpartition("_")
        title, unit = MEASURE_TITLES.get(
            name,
            (words.replace("_", " "), UNIT_BY_SUFFIX[last])
            if last in UNIT_BY_SUFFIX
            else (name.replace("_", " "), ""),
        )
        rows.append({"name": title, "unit": unit, "values": [row.get(name) for row in numbers]})
    return [row for row in rows if any(value is not None for value in row["values"])]


def _select_numbers(item: Facts) -> dict[str, float]:
    return {
        name: value
        for name, value in item.items()
        if name not in NON_MEASURE_KEYS
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    }
