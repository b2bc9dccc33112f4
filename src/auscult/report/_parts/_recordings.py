"""The recordings of a diagnosis: one line each, with the files that were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._style import Style
from auscult.report.sections.diagnose import DiagnoseSection


def iter_recording_lines(
    section: DiagnoseSection, style: Style, *, output_name: str, page: str | None = None
) -> Iterator[str]:
    """How the recordings of a diagnosis compare, and which files were written.

    Args:
        output_name: What the recording that was heard is called.
    """
    yield ""
    for item in section.recordings:
        name = output_name if item["role"] == "heard" else item["role"]
        yield f"{style(f'{name:8}', 'bold')}  {_format_recording(item)}"
    items = (*section.recordings, *(section.pictures or ()))
    files = [item["file"] for item in items if item.get("file")]
    files += [page] if page else []
    if files:
        yield f"{style('wrote', 'bold')}  {'  '.join(files)}"


def _format_recording(item: Mapping[str, Any]) -> str:
    parts = [f"{item['seconds']:.1f} s", f"the mel moves by {item['movement_db']:.1f} dB"]
    if item.get("comb_share") is not None:
        parts.append(f"{item['comb_share']:.0%} on the frame-rate comb")
    if item.get("mel_distance_db") is not None:
        parts.append(
            f"{item['mel_distance_db']:.1f} dB from the input's mel (correlation {item['mel_correlation']:.2f})"
        )
    return ", ".join(parts)
