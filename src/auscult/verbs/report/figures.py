"""The numbers of a report under their paths, so that two runs can be held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.verdict import Report

Number = int | float

NAMING_KEYS = ("role", "name", "a", "path", "field", "file", "family", "title", "rank")
"""What tells the items of a list apart, the best first."""

LESS_IS_BETTER = (
    "error",
    "distance",
    "loss",
    "different",
    "only_in_a",
    "only_in_b",
    "non_finite",
    "mel_distance_db",
    "lsd",
    "mcd",
)
MORE_IS_BETTER = ("correlation", "stoi", "pesq", "snr", "si_sdr", "identical", "utmos")
"""Ends of names of figures whose direction is known."""


def iter_figures(report: Report) -> Iterator[tuple[str, Number]]:
    """(path, number) of the coverage and of everything that the verb added; list items go by their
    name where they have one.
    """
    if report.coverage is not None:
        for name, count in report.coverage.buckets.items():
            yield f"{report.coverage.unit} {name.replace('_', ' ')}", count
    for key, value in report.extra.items():
        if key not in ("saved", "page", "provenance", "changes"):
            yield from _iter_numbers(key, value)


def _iter_numbers(path: str, value: Any) -> Iterator[tuple[str, Number]]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _iter_numbers(f"{path}.{key}", item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _iter_numbers(f"{path}[{_name_item(item, index)}]", item)


def _name_item(item: Any, index: int) -> str:
    if isinstance(item, Mapping):
        for key in NAMING_KEYS:
            if isinstance(item.get(key), str | int):
                return str(item[key])
    return str(index)


def is_worse(path: str, was: Number, now: Number) -> bool | None:
    """Whether a figure got worse; None where its direction is not known."""
    name = path.lower().replace(" ", "_")
    if name.endswith(LESS_IS_BETTER):
        return now > was
    if name.endswith(MORE_IS_BETTER):
        return now < was
    return None
