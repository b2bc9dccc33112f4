"""Every figure of a training log as a series: from text as trainers print it, JSON lines, CSV,
TensorBoard's event files and MLflow's folders.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auscult.errors import UsageError
from auscult.facts.install import format_install_command

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?nan|[-+]?inf(?:inity)?"
_FIGURE = re.compile(
    r"(?P<name>[A-Za-z][\w./-]*(?: (?!(?-i:INFO|WARNING|ERROR|DEBUG))[A-Za-z][\w./-]*){0,3})"
    r"\s*(?:\([^()]*\))?\s*[:=]\s*(?P<value>" + _NUMBER + r")(?![\w:])",
    re.IGNORECASE,
)
STEP_NAME = re.compile(
    r"^(?:global[_ ]?)?(?:steps?|iter(?:ation)?s?|num[_ ]?updates)$", re.IGNORECASE
)
EPOCH_NAME = re.compile(r"^epochs?$", re.IGNORECASE)
WANDB_EXTREME = re.compile(r"__(MIN|MAX)$")
"""Columns that W&B's export of a chart has beside each curve: the lowest and highest of smoothed figures."""
EVENT_FILE = re.compile(r"tfevents")


@dataclass(frozen=True)
class LogPoint:
    """One figure: `where` is the line or record, `step` the training step if the log says it."""

    where: str
    step: int | None
    value: float

    def __str__(self) -> str:
        return f"step {self.step:,}" if self.step is not None else self.where


@dataclass(frozen=True)
class LogSeries:
    """What one name had over the training, in the order of the log."""

    name: str
    points: tuple[LogPoint, ...]

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(point.value for point in self.points)


def read_series(path: Path, text: str | None) -> tuple[LogSeries, ...]:
    """All series of a log that have two figures or more.

    Args:
        path: The log; a folder or event file is read by itself.
        text: What a text file holds; None for a folder or an event file.
    """
    if text is None:
        records = _iter_event_records(path) if is_event_log(path) else _iter_mlflow_records(path)
    elif path.suffix.lower() in (".csv", ".tsv"):
        records = _iter_csv_records(text)
    elif (epochs := _read_epoch_list(text)) is not None:
        records = _iter_epoch_records(epochs)
    else:
        records = _iter_text_records(text)
    points_by_name: dict[str, list[LogPoint]] = {}
    for name, point in records:
        points_by_name.setdefault(name, []).append(point)
    return tuple(
        LogSeries(name, tuple(points)) for name, points in points_by_name.items() if len(points) > 1
    )


def is_event_log(path: Path) -> bool:
    """Whether a file or folder is TensorBoard's."""
    if path.is_dir():
        return any(EVENT_FILE.search(file.name) for file in path.iterdir())
    return EVENT_FILE.search(path.name) is not None


Record = tuple[str, LogPoint]


def _iter_text_records(text: str) -> Iterator[Record]:
    """Figures line by line; a step counts for what follows it, too."""
    step: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        figures = _read_json_line(line) if line.lstrip().startswith("{") else None
        if figures is None:
            figures = [(m["name"].strip(), float(m["value"])) for m in _FIGURE.finditer(line)]
        step = _find_step(figures, step)
        for name, value in figures:
            if not is_counter(name):
                yield name, LogPoint(f"line {number}", step, value)


def _read_epoch_list(text: str) -> list[Mapping[str, Any]] | None:
    """The epochs of a whole file of JSON, such as flashy's `history.json`, or the records that
    transformers' `trainer_state.json` has as its `log_history`; None for other text.
    """
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return None
    if isinstance(content, dict):
        content = content.get("log_history")
    if not isinstance(content, list):
        return None
    return [epoch for epoch in content if isinstance(epoch, Mapping)]


def _iter_epoch_records(epochs: list[Mapping[str, Any]]) -> Iterator[Record]:
    """Figures of each epoch, by its step where it says one."""
    for number, epoch in enumerate(epochs, 1):
        figures = list(_flatten(epoch))
        step = _find_step(figures, None)
        for name, value in figures:
            if not is_counter(name):
                yield name, LogPoint(f"epoch {number}", step, value)


def _read_json_line(line: str) -> list[tuple[str, float]] | None:
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return list(_flatten(values)) if isinstance(values, dict) else None


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{key}", float(value)


def _find_step(figures: list[tuple[str, float]], step: int | None) -> int | None:
    for name, value in figures:
        last_word = re.split(r"[/ ]", name)[-1].lstrip("_")
        if STEP_NAME.match(last_word) and math.isfinite(value):
            step = int(value)
    return step


def is_counter(name: str) -> bool:
    """Whether a name counts steps, epochs or time, and is no figure of the training."""
    last_word = re.split(r"[/ ]", name)[-1].lstrip("_")
    return bool(
        STEP_NAME.match(last_word)
        or EPOCH_NAME.match(last_word)
        or re.search(r"(time|date|timestamp|eta|elapsed|runtime)$", last_word, re.IGNORECASE)
    )


def _iter_csv_records(text: str) -> Iterator[Record]:
    lines = text.splitlines()
    if not lines:
        return
    delimiter = "\t" if "\t" in lines[0] else ","
    step: int | None = None
    for number, row in enumerate(csv.DictReader(lines, delimiter=delimiter), 2):
        figures: list[tuple[str, float]] = []
        for key, value in row.items():
            try:
                if not WANDB_EXTREME.search(str(key)):
                    figures.append((str(key), float(value)))
            except (TypeError, ValueError):
                continue
        step = _find_step(figures, step)
        for name, figure in figures:
            if not is_counter(name):
                yield name, LogPoint(f"line {number}", step, figure)


def _iter_event_records(path: Path) -> Iterator[Record]:
    """Scalars of TensorBoard's event files.

    Raises:
        UsageError: If TensorBoard's reader is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise UsageError(
            "is TensorBoard's event file, which its own package reads",
            where=str(path),
            hint=format_install_command("tensorboard"),
        ) from error
    events = EventAccumulator(str(path), size_guidance={"scalars": 0})
    events.Reload()
    for name in events.Tags()["scalars"]:
        for event in events.Scalars(name):
            yield name, LogPoint(f"step {event.step}", int(event.step), float(event.value))


def _iter_mlflow_records(folder: Path) -> Iterator[Record]:
    """Figures of an MLflow run: a file a metric, each line `time value step`."""
    metrics = folder / "metrics" if (folder / "metrics").is_dir() else folder
    for file in sorted(path for path in metrics.rglob("*") if path.is_file()):
        name = file.relative_to(metrics).as_posix()
        for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
            words = line.split()
            try:
                value, step = float(words[1]), int(words[2])
            except (IndexError, ValueError):
                continue
            yield name, LogPoint(f"line {number}", step, value)
