"""The answer of a diagnosis: cause, place, what was heard, the evidence, and what to run next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from auscult.facts.words import format_count
from auscult.finding import Domain, Finding
from auscult.report._brief import iter_brief_lines, limit_width
from auscult.report._common import iter_all_finding_lines, iter_skip_lines
from auscult.report._parts import VerbPart
from auscult.report._parts._recordings import iter_recording_lines
from auscult.report._parts.settle import show_after
from auscult.report._style import Style
from auscult.report._where import format_places
from auscult.report.sections import find_section
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.verdict import Report, Verdict

MAX_LINES = 3
MAX_SUSPECTS = 4
MAX_OTHER_FINDINGS = 4
LABEL_WIDTH = 10
BUCKET_TEXTS = {
    "equivalent": "equal once rearranged",
    "close": "equal within rounding",
    "born": "wrong by themselves",
    "grown": "wrong by what they are handed",
    "only_in_a": "only in the reference",
    "only_in_b": "only in the candidate",
}
"""What the buckets of a coverage mean, where their names do not say it."""


STAGE_TEXTS = {
    Domain.CHECKPOINT: "the file that holds the weights",
    Domain.LAYOUT: "the file that holds the weights, as it was converted",
    Domain.ARCHITECTURE: "the code, which does not fit the weights",
    Domain.COMPUTATION: "what the code computes",
    Domain.SOUND: "how the samples were written or labelled",
    Domain.TRAINING: "the training",
}
"""Where in the making of a sound the cause lies, by its domain."""


def iter_answer_lines(report: Report, diagnosis: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Cause, where, what it explains, the evidence, and what to run next: the answer before its findings."""
    cause = _find_finding(report, diagnosis["cause"])
    if cause is not None:
        yield from _iter_labelled_lines(
            "cause", f"{cause.cause} ({cause.code}): {cause.message}", style, "red"
        )
        yield from _iter_labelled_lines("where", format_places(cause.where), style)
        if cause.domain in STAGE_TEXTS:
            yield from _iter_labelled_lines("stage", STAGE_TEXTS[cause.domain], style)
    elif report.verdict is Verdict.INCONCLUSIVE:
        yield from _iter_labelled_lines(
            "cause", "not shown by the evidence at hand", style, "yellow"
        )
    for symptom in diagnosis["symptoms"]:
        yield from _iter_symptom_lines(report, symptom, cause, style)
    if diagnosis.get("follows"):
        yield from _iter_labelled_lines(
            "follows",
            f"{_join_causes(diagnosis['follows'])}: look again once the cause is mended",
            style,
        )
    for other in diagnosis["others"][:MAX_OTHER_FINDINGS]:
        yield from _iter_labelled_lines(
            "also", _describe_finding(report, other), style, max_lines=1
        )
    if diagnosis["others"][MAX_OTHER_FINDINGS:]:
        yield from _iter_labelled_lines(
            "also", _join_causes(diagnosis["others"][MAX_OTHER_FINDINGS:]), style
        )
    for line in diagnosis["evidence"]:
        yield from _iter_labelled_lines("evidence", _describe_evidence(line), style)
    for suspect in diagnosis["suspects"][:MAX_SUSPECTS]:
        yield from _iter_labelled_lines(
            "suspect", f"{suspect['why']} ({', '.join(suspect['causes'][:3])})", style
        )
    if diagnosis["next"]:
        yield from _iter_labelled_lines("next", diagnosis["next"], style, "green")
    if diagnosis.get("not_given"):
        yield from _iter_labelled_lines("not given", ", ".join(diagnosis["not_given"]), style)


def find_answered_codes(diagnosis: Mapping[str, Any]) -> frozenset[str]:
    """Codes of the findings that the answer has said already."""
    shown_items = [
        *([diagnosis["cause"]] if diagnosis["cause"] else []),
        *diagnosis["symptoms"],
        *diagnosis.get("follows", ()),
        *diagnosis["others"],
    ]
    return frozenset(item["code"] for item in shown_items)


def _iter_symptom_lines(
    report: Report, symptom: Mapping[str, Any], cause: Finding | None, style: Style
) -> Iterator[str]:
    """What was measured, unless it is the cause itself, and how the cause makes it."""
    symptom_finding = _find_finding(report, symptom)
    if symptom_finding is not None and symptom_finding is cause:
        return
    name = f"{symptom['cause']} ({symptom['code']})"
    explanation = symptom["explained"]
    yield from _iter_labelled_lines(
        "heard", f"{name}: {symptom_finding.message}" if symptom_finding else name, style
    )
    if explanation:
        yield from _iter_labelled_lines("", f"because {explanation}", style)
    elif cause is not None:
        yield from _iter_labelled_lines(
            "", "the cause does not explain it: a second fault, or gone with the first", style
        )


def _find_finding(report: Report, item: Mapping[str, Any] | None) -> Finding | None:
    """The finding that the diagnosis names."""
    if item is None:
        return None
    return next(
        (
            finding
            for finding in report.findings
            if (finding.code, finding.cause) == (item["code"], item["cause"])
        ),
        None,
    )


def _describe_finding(report: Report, item: Mapping[str, Any]) -> str:
    finding = _find_finding(report, item)
    return f"{item['cause']} ({item['code']})" + (f": {finding.message}" if finding else "")


def _join_causes(items: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(f"{item['cause']} ({item['code']})" for item in items))


def _describe_evidence(line: Mapping[str, Any]) -> str:
    coverage = line.get("coverage")
    buckets = {
        name: count
        for name, count in (coverage or {}).items()
        if name not in {"unit", "total"} and count
    }
    parts = [
        f"{count:g} {BUCKET_TEXTS.get(name, name.replace('_', ' '))}"
        for name, count in buckets.items()
    ]
    if parts:
        detail = f": {', '.join(parts)}"
    elif line.get("says"):
        detail = f": {line['says']}"
    else:
        detail = ""
    first_divergence = line.get("first_divergence")
    if isinstance(first_divergence, str) or not first_divergence:
        place = first_divergence
    else:
        place = first_divergence.get("a") or first_divergence.get("b") or "the whole model"
    divergence_note = f"; the first wrong layer is {place}" if place else ""
    return f"{line['kind']} {line['verdict']}{detail}{divergence_note}"


def _iter_labelled_lines(
    label: str, text: str, style: Style, *colors: str, max_lines: int = MAX_LINES
) -> Iterator[str]:
    """A labelled text, wrapped under itself; a command stays on one line, so that it can be copied."""
    if "auscult " in text and label == "next":
        rows = [text]
    else:
        rows = wrap(
            text,
            limit_width(style) - LABEL_WIDTH,
            max_lines=max_lines,
            placeholder=" …",
            break_on_hyphens=False,
        ) or [""]
    yield f"{style(f'{label:{LABEL_WIDTH}}', 'bold', *colors)}{rows[0]}"
    yield from (" " * LABEL_WIDTH + row for row in rows[1:])


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """The answer, then how the recordings compare."""
    section = find_section(report, DiagnoseSection)
    if section is not None:
        yield from iter_diagnosis_lines(report, section, style, output_name="output")


def iter_diagnosis_lines(
    report: Report,
    section: DiagnoseSection,
    style: Style,
    *,
    output_name: str,
    page: str | None = None,
) -> Iterator[str]:
    """That the weights are the same, the answer, and the recordings."""
    if section.same_weights is not None:
        yield style(section.same_weights["says"], "bold")
    yield from iter_answer_lines(report, section.diagnosis, style)
    if section.recordings:
        yield from iter_recording_lines(section, style, output_name=output_name, page=page)


def show_findings(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The findings briefly, without those that the answer has said; with -v one by one."""
    section = find_section(report, DiagnoseSection)
    if section is None or verbose:
        yield from iter_all_finding_lines(report, style, verbose)
        return
    answered_codes = find_answered_codes(section.diagnosis)
    unanswered = [finding for finding in report.findings if finding.code not in answered_codes]
    yield from iter_brief_lines(unanswered, style)


def show_skips(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """Where something was not looked at, on one line; with -v what and why."""
    if verbose:
        yield from iter_skip_lines(report, style, verbose)
        return
    places = dict.fromkeys(skip.where.partition("#")[0] for skip in report.skips)
    count_text = format_count(len(report.skips), "check")
    yield (
        f"{style('skipped', 'yellow')}   {count_text} of {format_places(places)}: "
        "-v says what and why"
    )


def summarise(report: Report, counts: str) -> str:
    """The counts, and where the cause is explained; what to run next is in the answer."""
    section = find_section(report, DiagnoseSection)
    cause = section.diagnosis["cause"] if section is not None else None
    line = counts or PART.nothing_found
    if cause:
        return f"{line}; auscult rules {cause['code']} explains the cause"
    return line


PART = VerbPart(
    before=show_before,
    after=show_after,
    findings=show_findings,
    skips=show_skips,
    summary=summarise,
    counts_shown=False,
    next_shown=True,
)
