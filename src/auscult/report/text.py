"""The report for a person at a terminal: the verdict first, then what it rests on, then what to act on."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.finding import Severity
from auscult.report._common import (
    find_error_line,
    format_coverage,
    format_subjects,
    iter_all_finding_lines,
    iter_mapping_lines,
    iter_skip_lines,
)
from auscult.report._parts import VerbPart, find_verb_part
from auscult.report._style import Style
from auscult.verdict import Report, Verdict

_VERDICT_STYLE = {
    Verdict.PASS: ("green", "bold"),
    Verdict.EQUIVALENT: ("green", "bold"),
    Verdict.DIVERGENT: ("red", "bold"),
    Verdict.INCONCLUSIVE: ("yellow", "bold"),
    Verdict.ERROR: ("red", "bold"),
}


def render(
    report: Report, *, color: bool = False, verbose: int = 0, width: int | None = None
) -> str:
    """The report as lines of text.

    Args:
        verbose: -1 for the verdict line only, 1 for evidence and mapping, 2 for every place.
        width: Letters in a line of the terminal; None wraps nothing.
    """
    style = Style(color=color, width=width)
    part = find_verb_part(report)
    if part.whole is not None and find_error_line(report) is None:
        lines = part.whole(report, style, verbose)
    else:
        lines = _iter_lines(report, part, style, verbose)
    return "\n".join(lines) + "\n"


def _iter_lines(report: Report, part: VerbPart, style: Style, verbose: int) -> Iterator[str]:
    verdict_text = style(report.verdict.value, *_VERDICT_STYLE[report.verdict])
    yield f"{verdict_text}  {format_subjects(report, part.joint)}"
    if verbose < 0:
        return
    error_line = find_error_line(report)
    if error_line is not None and not report.findings:
        yield ""
        yield error_line
        return
    next_command = suggest_next_command(report) if part.summary is None else None
    if next_command is not None:
        yield f"{style('next', 'green')}  {next_command}"
    if report.coverage and part.counts_shown:
        yield style(format_coverage(report.coverage), "dim")
    yield from part.before(report, style, verbose)
    finding_lines = list((part.findings or iter_all_finding_lines)(report, style, verbose))
    if finding_lines:
        yield ""
        yield from finding_lines
    yield from part.after(report, style, verbose)
    if report.skips:
        yield ""
        yield from (part.skips or iter_skip_lines)(report, style, verbose)
    if report.mapping and verbose > 0:
        yield ""
        yield from iter_mapping_lines(report.mapping, style)
    yield ""
    yield format_summary(report)


def format_summary(report: Report) -> str:
    """`1 error, 2 warnings, 3 skipped`."""
    part = find_verb_part(report)
    counts = _count_findings(report)
    if part.summary is not None:
        return part.summary(report, counts)
    return counts or part.nothing_found


def _count_findings(report: Report) -> str:
    """`1 error, 2 warnings, 3 skipped`."""
    parts = []
    for severity in Severity:
        count = sum(finding.severity is severity for finding in report.findings)
        plural = "s" if count != 1 and severity is not Severity.INFO else ""
        parts += [f"{count} {severity.value}{plural}"] if count else []
    parts += [f"{len(report.skips)} skipped"] if report.skips else []
    return ", ".join(parts)


def suggest_next_command(report: Report) -> str | None:
    """What to type next; None where nothing was found and nothing was made."""
    suggest = find_verb_part(report).next_command
    command = suggest(report) if suggest is not None else None
    if command is None and report.findings:
        return f"auscult rules {report.findings[0].code}"
    return command
