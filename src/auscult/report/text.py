"""The report for a person at a terminal: the verdict first, then what it rests on, then what to act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.report._brief import iter_brief_lines
from auscult.report._parts import iter_part_lines
from auscult.report._parts.diagnosis import find_answered_codes as answered
from auscult.report._style import Style
from auscult.report._where import MAX_PATTERNS, format_places
from auscult.verdict import Coverage, MappingEntry, Report, Verdict

MAX_SKIPS = 8
MAX_SUBJECTS = 4

_VERDICT_STYLE = {
    Verdict.PASS: ("green", "bold"),
    Verdict.EQUIVALENT: ("green", "bold"),
    Verdict.DIVERGENT: ("red", "bold"),
    Verdict.INCONCLUSIVE: ("yellow", "bold"),
    Verdict.ERROR: ("red", "bold"),
}
NOTHING_FOUND_TEXTS = {
    "convert": "nothing was found in the way of writing it",
    "report": "nothing is new or worse",
}
"""What a verb says that found nothing, where it is not `nothing found`."""
_SEVERITY_STYLE = {
    Severity.ERROR: ("red",),
    Severity.WARNING: ("yellow",),
    Severity.INFO: ("cyan",),
}


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:
    """The report as lines of text.

    Args:
        verbose: -1 for the verdict line only, 1 for evidence and mapping, 2 for every place.
    """
    style = Style(color=color)
    if report.command == "rules":
        lines = iter_rule_lines(report.extra["rules"], style)
    else:
        lines = _iter_lines(report, style, verbose)
    return "\n".join(lines) + "\n"


def _iter_lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    yield f"{style(report.verdict.value, *_VERDICT_STYLE[report.verdict])}  {format_subjects(report)}"
    if verbose < 0:
        return
    if (
        report.coverage and "diagnosis" not in report.extra
    ):  # where it is one of several pieces of evidence
        yield style(format_coverage(report.coverage), "dim")
    if report.extra.get("fixed", {}).get("written"):
        fixed_facts = report.extra["fixed"]
        yield f"wrote {fixed_facts['path']} and compared it again; before, the verdict was {fixed_facts['was']}"
    yield from iter_part_lines(report, style, verbose, before=True)
    listed_findings = list(_iter_listed_finding_lines(report, style, verbose))
    if listed_findings and "changes" not in report.extra:
        yield ""
        yield from listed_findings
    yield from iter_part_lines(report, style, verbose, before=False)
    if report.skips:
        yield ""
        yield from (
            iter_skip_lines(report, style, verbose)
            if report.command != "diagnose" or verbose
            else iter_skip_summary(report, style)
        )
    if report.mapping and verbose > 0:
        yield ""
        yield from iter_mapping_lines(report.mapping, style)
    yield ""
    yield format_summary(report)


def _iter_listed_finding_lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The findings, briefly where many are joined to one answer; without those that the answer has said."""
    if "diagnosis" in report.extra and verbose == 0:
        answered_codes = answered(report)
        yield from iter_brief_lines(
            [finding for finding in report.findings if finding.code not in answered_codes], style
        )
    else:
        yield from (
            line
            for finding in report.findings
            for line in iter_finding_lines(finding, style, verbose)
        )


def iter_rule_lines(rows: list[Mapping[str, Any]], style: Style) -> Iterator[str]:
    """One line per rule; the pages where one cause was asked for."""
    if len({row["cause"] for row in rows}) > 1:
        width = max(len(row["cause"]) for row in rows)
        yield from (
            f"{style(row['code'], 'bold')}  {row['cause'].ljust(width)}  {row['summary']}"
            for row in rows
        )
        return
    for index, row in enumerate(rows):
        yield from (("",) if index else ())
        yield f"{style(row['code'], 'bold')}  {row['cause']}"
        yield ""
        yield from row["page"].splitlines()


def format_coverage(coverage: Coverage) -> str:
    """`156 tensors = 78 identical + 78 equivalent`: every item in exactly one bucket."""
    parts = [
        f"{_format_number(count)} {bucket.replace('_', ' ')}"
        for bucket, count in coverage.buckets.items()
        if count
    ]
    unit = coverage.unit.removesuffix("s") if coverage.total == 1 else coverage.unit
    return f"{_format_number(coverage.total)} {unit} = {' + '.join(parts) or '0'}"


def iter_finding_lines(finding: Finding, style: Style, verbose: int) -> Iterator[str]:
    """One line of where, code, severity and message; then the remedy; the evidence on request."""
    places_text = format_places(finding.where, None if verbose > 1 else MAX_PATTERNS)
    severity_text = style(finding.severity.value, *_SEVERITY_STYLE[finding.severity])
    if finding.confidence >= 0.995:
        confidence_note = ""
    else:
        confidence_note = f" (confidence {finding.confidence:.2f})"
    yield f"{places_text}  {style(finding.code, 'bold')} {severity_text}  {finding.cause}: {finding.message}{confidence_note}"
    for start, stop in finding.times[: None if verbose else MAX_PATTERNS]:
        yield f"    at {start:.3f} s to {stop:.3f} s"
    if verbose > 0:
        yield from (
            f"    {name} = {_format_value(value)}" for name, value in finding.evidence.items()
        )
    if finding.fix:
        yield f"    {style('fix', 'green')} ({finding.fix.safety}): {finding.fix.summary}"
        if finding.fix.code and finding.fix.code != finding.fix.summary:
            yield from (f"        {line}" for line in finding.fix.code.splitlines())
    if finding.settled_by:
        yield f"    {style('to settle it', 'green')}: {finding.settled_by}"


def format_subjects(report: Report) -> str:
    """What was examined; the first few of many."""
    if report.command in ("diff", "compare", "report"):
        return " against ".join(report.subjects)
    if len(report.subjects) <= MAX_SUBJECTS:
        shown = report.subjects
    else:
        shown = report.subjects[: MAX_SUBJECTS - 1]
    remaining_count = len(report.subjects) - len(shown)
    return "  ".join(
        (*shown, *([f"and {_format_number(remaining_count)} more"] if remaining_count else ()))
    )


def iter_skip_lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What was not looked at, and why; places that share a reason on one line, and none where it holds for everything."""
    reasons: dict[str, list[str]] = {}
    for skip in report.skips:
        reasons.setdefault(skip.reason, []).append(skip.where)
    rows = list(reasons.items())
    shown = rows if verbose > 0 else rows[:MAX_SKIPS]
    for reason, places in shown:
        is_everywhere = len(places) > 1 and {*places} == {*report.subjects}
        if is_everywhere:
            place_text = f"all {_format_number(len(places))}"
        else:
            place_text = format_places(places, None if verbose > 1 else MAX_PATTERNS)
        yield f"{style('skipped', 'yellow')}  {place_text}: {reason}"
    if len(shown) < len(rows):
        yield f"{style('skipped', 'yellow')}  {len(rows) - len(shown)} more reasons; -v lists them"


def iter_skip_summary(report: Report, style: Style) -> Iterator[str]:
    """Where something was not looked at, on one line."""
    places_text = format_places(
        dict.fromkeys(skip.where.partition("#")[0] for skip in report.skips)
    )
    yield f"{style('skipped', 'yellow')}   {format_count(len(report.skips), 'check')} of {places_text}: -v says what and why"


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
        f"{name}={_format_value(value)}" for name, value in op.items() if name != "op"
    )
    return f"{op['op']}({arguments})"


def format_summary(report: Report) -> str:
    """`1 error, 2 warnings, 3 skipped; next: auscult rules LAY001`."""
    counts = [
        (sum(finding.severity is severity for finding in report.findings), severity.value)
        for severity in Severity
    ]
    parts = [
        f"{count} {word}{'s' if count != 1 and word != 'info' else ''}"
        for count, word in counts
        if count
    ]
    if report.skips:
        parts.append(f"{len(report.skips)} skipped")
    if report.command == "convert" and report.extra["output"]["path"]:
        check_hint = f"next: auscult diff {' '.join(map(quote_word, (report.subjects[0], report.extra['output']['path'])))}"
        return "; ".join([*([", ".join(parts)] if parts else []), check_hint])
    line = ", ".join(parts) or NOTHING_FOUND_TEXTS.get(report.command, "nothing found")
    if report.command == "diagnose":  # what to run next is in the answer
        cause = report.extra["diagnosis"]["cause"]
        if cause:
            return f"{line}; auscult rules {cause['code']} explains the cause"
        return line
    if report.findings:
        return f"{line}; next: {suggest_next_command(report)}"
    return line


def suggest_next_command(report: Report) -> str:
    """What to type next."""
    first_finding = report.findings[0]
    if report.command == "demo":
        if "page" in report.extra:
            return f"open {report.extra['page']}"
        return "auscult demo -v"
    is_fixable = (
        bool(first_finding.fix and first_finding.fix.recipe) and "fixed" not in report.extra
    )
    if report.command == "diff" and is_fixable:
        return f"auscult diff {' '.join(map(quote_word, report.subjects))} --fix OUT"
    return f"auscult rules {first_finding.code}"


def quote_word(word: str) -> str:
    """The word as a shell takes it."""
    import shlex

    return shlex.quote(word)


def _format_value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_format_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_format_value(item)}" for key, item in value.items()) + "}"
    return str(value)


def _format_number(count: float) -> str:
    if float(count).is_integer():
        return f"{count:,.0f}".replace(",", " ")
    return f"{count:.3g}"
