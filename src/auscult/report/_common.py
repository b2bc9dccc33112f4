"""The lines that the reports of all verbs share: findings, skips, mapping, coverage, subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.errors import AuscultError
from auscult.report._findings import iter_finding_lines
from auscult.report._glossary import explain_bucket
from auscult.report._style import Style
from auscult.report._values import format_value, group_digits
from auscult.report._where import MAX_PATTERNS, format_places
from auscult.verdict import Coverage, MappingEntry, Report, Verdict

MAX_SKIPS = 8
MAX_SUBJECTS = 4
SKIP_INDENT = len("skipped  ")


def find_error_line(report: Report) -> str | None:
    """What stopped a command, as the terminal says it; None where it did its work."""
    error = report.extra.get("error")
    if report.verdict is not Verdict.ERROR or not isinstance(error, Mapping):
        return None
    facts = {name: error.get(name) for name in ("where", "expected", "found", "hint")}
    return str(AuscultError(str(error.get("what")), **facts))


def iter_all_finding_lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """Every finding with its remedy."""
    for finding in report.findings:
        yield from iter_finding_lines(finding, style, verbose)


def format_coverage(coverage: Coverage) -> str:
    """`156 tensors = 78 identical + 78 equivalent (equal once rearranged)`: every item in exactly
    one bucket.
    """
    parts = [
        f"{group_digits(count)} {explain_bucket(bucket)}"
        for bucket, count in coverage.buckets.items()
        if count
    ]
    unit = coverage.unit.removesuffix("s") if coverage.total == 1 else coverage.unit
    return f"{group_digits(coverage.total)} {unit} = {' + '.join(parts) or '0'}"


def iter_skip_lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What was not looked at, and why; places that share a reason on one line, and none where it holds for everything."""
    reasons: dict[str, list[str]] = {}
    for skip in report.skips:
        reasons.setdefault(skip.reason, []).append(skip.where)
    places_by_reason = list(reasons.items())
    shown = places_by_reason if verbose > 0 else places_by_reason[:MAX_SKIPS]
    for reason, places in shown:
        is_everywhere = len(places) > 1 and {*places} == {*report.subjects}
        if is_everywhere:
            place_text = f"all {group_digits(len(places))}"
        else:
            place_text = format_places(places, None if verbose > 1 else MAX_PATTERNS)
        rows = style.wrap_text(f"skipped  {place_text}: {reason}", SKIP_INDENT)
        yield style(rows[0][:7], "yellow") + rows[0][7:]
        yield from rows[1:]
    if len(shown) < len(places_by_reason):
        remaining_count = len(places_by_reason) - len(shown)
        yield f"{style('skipped', 'yellow')}  {remaining_count} more reasons; -v lists them"


def iter_mapping_lines(mapping: tuple[MappingEntry, ...], style: Style) -> Iterator[str]:
    """One line per entry: names, ops, equality."""
    for entry in mapping:
        ops_text = " | ".join(_format_op(op) for op in entry.ops)
        names_text = ", ".join(entry.a) + (
            " = " if entry.a == entry.b and not ops_text else f" -> {', '.join(entry.b)}"
        )
        equality_text = entry.equality.value + (
            f" ({entry.number_format})" if entry.number_format else ""
        )
        yield f"{names_text.removesuffix(' = ')}  {style(ops_text, 'cyan')}{'  ' if ops_text else ''}{equality_text}"


def _format_op(op: Mapping[str, Any]) -> str:
    arguments = ", ".join(
        f"{name}={format_value(value)}" for name, value in op.items() if name != "op"
    )
    return f"{op['op']}({arguments})"


def format_subjects(report: Report, joint: str | None) -> str:
    """What was examined: all of it with `joint` between, or the first few of many."""
    if joint is not None:
        return joint.join(report.subjects)
    if len(report.subjects) <= MAX_SUBJECTS:
        shown = report.subjects
    else:
        shown = report.subjects[: MAX_SUBJECTS - 1]
    remaining_count = len(report.subjects) - len(shown)
    remaining_note = [f"and {group_digits(remaining_count)} more"] if remaining_count else []
    return "  ".join((*shown, *remaining_note))
