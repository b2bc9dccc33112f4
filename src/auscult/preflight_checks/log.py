"""What a training log reports: SNR, RMS ratio and correlation as claims, and every figure as a
series.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from auscult.errors import UsageError
from auscult.preflight_checks.log_series import LogSeries, is_event_log, read_series
from auscult.preflight_checks.records import Claim

_NUMBER = r"(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_SEPARATOR = r"\s*(?:\([^)]*\)|\[[^\]]*\])?[\"']?\s*[:=]?\s*"
_PATTERNS = {
    "snr_db": re.compile(
        r"(?<![a-z-])(?<!si[-_ ])(?:val[_/ ]?)?snr(?:[_ ]?db)?" + _SEPARATOR + _NUMBER,
        re.IGNORECASE,
    ),
    "rms_ratio": re.compile(
        r"\b(?:rms|amp\w*|level|ac)?[_ -]?ratio" + _SEPARATOR + _NUMBER, re.IGNORECASE
    ),
    "correlation": re.compile(
        r"\b(?:corr(?:elation)?|pearson|rho)"
        + _SEPARATOR
        + _NUMBER
        + r"|[ρ]\s*[:=]\s*(?P<rho>[-+]?[\d.]+)",
        re.IGNORECASE,
    ),
}
_EPOCH = re.compile(r"\b(?P<word>epoch|step|iter\w*)\b\W{0,3}(?P<number>\d+)", re.IGNORECASE)
MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class TrainingLog:
    """What a log says.

    Attributes:
        claims: Lines that report an SNR with a ratio or a correlation; figures of one epoch or step
            may be on several lines.
        series: Every figure with two values or more.
    """

    claims: tuple[Claim, ...]
    series: tuple[LogSeries, ...]


def read_log(path: str | Path) -> TrainingLog:
    """Read a log: text, JSON lines, CSV, TensorBoard's event files or an MLflow run's folder.

    Raises:
        UsageError: If the file cannot be read, or reports no figures.
    """
    file = Path(path)
    text = None
    if not file.is_dir() and not is_event_log(file):
        text = _read_text(file)
    claims: tuple[Claim, ...] = ()
    if text is not None:
        claims = tuple(_iter_telling_claims(file, text))
    series = read_series(file, text)
    if not claims and not series:
        raise UsageError(
            "reports no figures of a training",
            where=str(path),
            expected="lines such as `step 100 loss: 0.31`, JSON lines, CSV, TensorBoard's event files",
            hint="give the file that the trainer writes while it runs",
        )
    return TrainingLog(claims, series)


def _read_text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(
                "is too large for a log", where=str(file), expected=f"at most {MAX_BYTES:,} bytes"
            )
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(file)) from error


def _iter_telling_claims(file: Path, text: str) -> Iterator[Claim]:
    """Claims of which an SNR and another figure are known, so that they can contradict each other."""
    rows = (
        _iter_csv_rows(text) if file.suffix.lower() in (".csv", ".tsv") else _iter_text_rows(text)
    )
    for claim in _iter_claims(list(rows)):
        if claim.snr_db is not None and (claim.rms_ratio, claim.correlation) != (None, None):
            yield claim


Row = tuple[str, Mapping[str, float]]


def _iter_text_rows(text: str) -> Iterator[Row]:
    """Where (line and epoch) and figures, of lines that have any; lines of one epoch are put
    together.
    """
    row_figures: dict[str, float]
    where, row_figures = "", {}
    for number, line in enumerate(text.splitlines(), 1):
        epoch = _EPOCH.search(line)
        if line.lstrip().startswith("{"):
            figures = _figures_from_json(line)
        else:
            figures = _find_figures(line)
        if epoch or set(figures) & set(row_figures):
            yield where, row_figures
            where, row_figures = "", {}
        if epoch:
            where = f"{epoch['word'].lower()} {epoch['number']}"
        if figures:
            where = where or f"line {number}"
            row_figures = {**row_figures, **figures}
    yield where, row_figures


def _find_figures(line: str) -> dict[str, float]:
    figures = {}
    for name, pattern in _PATTERNS.items():
        match = pattern.search(line)
        if match:
            figures[name] = float(match["value"] or match.groupdict().get("rho") or "nan")
    return figures


def _figures_from_json(line: str) -> dict[str, float]:
    try:
        values = json.loads(line)
    except ValueError:
        return _find_figures(line)
    if isinstance(values, dict):
        flat = {str(key): value for key, value in values.items() if isinstance(value, int | float)}
    else:
        flat = {}
    return _name_figures(flat)


def _name_figures(values: Mapping[str, float]) -> dict[str, float]:
    """Figures by the names of their columns."""
    figures: dict[str, float] = {}
    for key, value in values.items():
        for name, figure in _find_figures(f"{key}: {value!r}").items():
            figures.setdefault(name, figure)
    return figures


def _iter_csv_rows(text: str) -> Iterator[Row]:
    lines = text.splitlines()
    if not lines:
        return
    delimiter = "\t" if "\t" in lines[0] else ","
    for number, row in enumerate(csv.DictReader(lines, delimiter=delimiter), 2):
        numbers = {}
        for key, value in row.items():
            try:
                numbers[str(key)] = float(value)
            except (TypeError, ValueError):
                continue
        yield f"line {number}", _name_figures(numbers)


def _iter_claims(rows: list[Row]) -> Iterator[Claim]:
    for where, figures in rows:
        if figures:
            yield Claim(
                where, figures.get("snr_db"), figures.get("rms_ratio"), figures.get("correlation")
            )
