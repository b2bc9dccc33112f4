"""A report read back from the JSON that `--format json` printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from auscult.errors import UsageError
from auscult.finding import Finding, Fix, Json, Safety, Severity, Skip
from auscult.report.sections import section_from_json
from auscult.verdict import Coverage, Equality, MappingEntry, Report, Verdict

ENVELOPE_KEYS = ("command", "subjects", "verdict", "coverage", "findings", "skips", "mapping")


def read_report(path: str | Path) -> Report:
    """The report in a JSON file.

    Raises:
        UsageError: If the file cannot be read, is no JSON, or holds no report of auscult.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"cannot be read as a saved report: {reason}",
            where=str(path),
            hint="save one with --format json -o FILE.json",
        ) from error
    return report_from_json(content, where=str(path))


def report_from_json(content: Any, *, where: str = "report") -> Report:
    """The report that `Report.to_json` described.

    Raises:
        UsageError: If it is not the envelope of a report.
    """
    if (
        not isinstance(content, Mapping)
        or "auscult" not in content
        or any(key not in content for key in ENVELOPE_KEYS)
    ):
        raise UsageError(
            "is not a report of auscult",
            where=where,
            hint="save one with --format json -o FILE.json",
        )
    verb_values = {
        key: value
        for key, value in content.items()
        if key not in (*ENVELOPE_KEYS, "auscult", "hidden")
    }
    try:
        return Report(
            str(content["command"]),
            tuple(map(str, content["subjects"])),
            Verdict(content["verdict"]),
            _parse_coverage(content["coverage"]),
            tuple(_parse_finding(item, index) for index, item in enumerate(content["findings"])),
            tuple(Skip(str(item["where"]), str(item["reason"])) for item in content["skips"]),
            tuple(_parse_mapping_entry(item) for item in content["mapping"]),
            section_from_json(str(content["command"]), verb_values),
            tuple(
                _parse_finding(item, index) for index, item in enumerate(content.get("hidden", ()))
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"is a damaged report: {type(error).__name__}: {error}",
            where=where,
            hint="make it again with --format json",
        ) from error


def _parse_coverage(item: Json | None) -> Coverage | None:
    if item is None:
        return None
    return Coverage(
        item["unit"], {name: count for name, count in item.items() if name not in ("unit", "total")}
    )


def _parse_finding(item: Json, index: int) -> Finding:
    """The finding; its place in the file stands for the rank, which is not saved."""
    return Finding(
        item["code"],
        item["cause"],
        Severity(item["severity"]),
        tuple(item["where"]),
        item["message"],
        float(item["confidence"]),
        int(item["count"]),
        item["evidence"],
        _parse_fix(item["fix"]),
        item["settled_by"],
        tuple((float(start), float(stop)) for start, stop in item.get("times", ())),
        rank=index,
    )


def _parse_fix(item: Json | None) -> Fix | None:
    if item is None:
        return None
    if item["safety"] not in get_args(Safety):
        raise ValueError(f"no such safety: {item['safety']}")
    return Fix(item["safety"], item["summary"], tuple(item["recipe"]), item["code"])


def _parse_mapping_entry(item: Json) -> MappingEntry:
    def to_names(names: str | list[str]) -> tuple[str, ...]:
        if isinstance(names, str):
            return (names,)
        return tuple(names)

    return MappingEntry(
        to_names(item["a"]),
        to_names(item["b"]),
        tuple(item["ops"]),
        Equality(item["equality"]),
        item.get("number_format"),
        item.get("compared", "values"),
        bool(item.get("backward", False)),
    )
