"""Which format a report file takes, and a report written in it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from auscult import plugins
from auscult.errors import UsageError
from auscult.facts.atomic import replace_file

if TYPE_CHECKING:
    from auscult.verdict import Report

SUFFIX_FORMATS = {".htm": "html", ".xml": "junit", ".md": "markdown", ".txt": "text"}
"""Suffixes of `--output` that differ from the name of the format."""
FOLDERS_BESIDE_FORMATS = frozenset(("sections",))
"""What lies in `auscult/report` and is no format."""


def list_formats() -> tuple[str, ...]:
    """Names of the report formats, from the files in `auscult/report` (`json_.py` is `json`); text
    first.
    """
    files = set(plugins.list_module_names("auscult.report")) - FOLDERS_BESIDE_FORMATS
    return tuple(
        sorted((name.rstrip("_") for name in files), key=lambda name: (name != "text", name))
    )


def choose_format(output: str, requested_formats: tuple[str, ...]) -> str:
    """The format of a file: that of its suffix, or the one that was asked for.

    Raises:
        UsageError: If several were asked for and the suffix is that of none.
    """
    suffix = Path(output).suffix.lower()
    by_suffix = SUFFIX_FORMATS.get(suffix, suffix[1:])
    if by_suffix in requested_formats or (not requested_formats and by_suffix in list_formats()):
        return by_suffix
    if len(requested_formats) > 1:
        raise UsageError(
            "cannot tell which format this file takes",
            where=output,
            hint="give it the suffix of one of the formats",
        )
    if requested_formats:
        return requested_formats[0]
    return "text"


def render_report(
    report: Report,
    format: str,
    *,
    color: bool = False,
    verbose: int = 0,
    width: int | None = None,
) -> str:
    """The report as text of that format.

    Args:
        width: Letters in a line of the terminal that it goes to; only text wraps its lines.
    """
    files = {name.rstrip("_"): name for name in plugins.list_module_names("auscult.report")}
    options = {"width": width} if format == "text" else {}
    renderer = importlib.import_module(f"auscult.report.{files[format]}")
    return str(renderer.render(report, color=color, verbose=verbose, **options))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: If the file cannot be written.
    """
    try:
        with replace_file(path) as partial:
            partial.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            hint="check the folder and the permissions",
        ) from error


def save_report(report: Report, path: str | Path) -> Path:
    """Write a report in the format of the file's suffix (.html, .json, .sarif, .xml, .md, .txt); gives the file.

    Raises:
        UsageError: If no format has that suffix, or the file cannot be written.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in SUFFIX_FORMATS and suffix[1:] not in list_formats():
        known_suffixes = {*SUFFIX_FORMATS, *(f".{name}" for name in list_formats())}
        raise UsageError(
            "cannot tell which format this file takes",
            where=str(path),
            expected=", ".join(sorted(known_suffixes)),
            found=suffix or "no suffix",
        )
    write_text(file, render_report(report, choose_format(str(file), ())))
    return file
