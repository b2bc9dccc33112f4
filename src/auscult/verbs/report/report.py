"""`report`: a saved report shown again in any format; two of them, and what changed from the one
run to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from auscult.finding import Finding, Json
from auscult.report._saved import read_report
from auscult.report.sections import section_from_json
from auscult.report.sections.report import ChangesSection
from auscult.verbs.report.figures import Number, is_worse, iter_figures
from auscult.verdict import Coverage, MappingEntry, Report, Verdict

MIN_CONFIDENCE_STEP = 0.05
"""Smaller changes of a confidence are not worth a line."""
VERDICT_ORDER = (
    Verdict.PASS,
    Verdict.EQUIVALENT,
    Verdict.INCONCLUSIVE,
    Verdict.DIVERGENT,
    Verdict.ERROR,
)
"""From the best to the worst."""


def show_report(path: str | Path, other: str | Path | None = None) -> Report:
    """The report saved in a JSON file; with a second one, what changed from the first to the
    second.

    Of two, the report's findings are those of the second run that are new or became worse. It is
    PASS if there are none and the verdict is no worse, DIVERGENT otherwise; `section.changes`
    holds everything that changed.

    Raises:
        UsageError: If a file holds no report.
    """
    first = read_report(path)
    if other is None:
        values = {**first.extra, "saved": _describe_saved_file(Path(path))}
        return replace(first, section=section_from_json(first.command, values))
    second = read_report(other)
    return compare_reports(first, second, (str(path), str(other)))


def _describe_saved_file(path: Path) -> Json:
    modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return {"file": str(path), "written": modified_at.strftime("%Y-%m-%d %H:%M UTC")}


@dataclass(frozen=True)
class FindingChange:
    """One finding in both reports, and what became of it, one sentence each."""

    old: Finding
    new: Finding
    sentences: list[str]

    @property
    def is_worse(self) -> bool:
        return has_worsened(self.old, self.new)

    def describe_worsened(self) -> Finding:
        """The new finding, whose message says what is worse."""
        message = f"{self.new.message} (worse: {'; '.join(self.sentences)})"
        return replace(self.new, message=message)

    def to_json(self) -> Json:
        return {
            "code": self.new.code,
            "cause": self.new.cause,
            "severity": self.new.severity.value,
            "what": self.sentences,
            "worse": self.is_worse,
        }


def compare_reports(before: Report, after: Report, names: tuple[str, str]) -> Report:
    """What changed from one report to another.

    Args:
        names: Of the two, for messages.
    """
    pairs = list(pair_findings(before.findings, after.findings))
    removed_findings = [old for old, new in pairs if new is None and old is not None]
    new_findings = [new for old, new in pairs if old is None and new is not None]
    common_changes = [
        FindingChange(old, new, list_changes(old, new))
        for old, new in pairs
        if old is not None and new is not None
    ]
    changed = [change for change in common_changes if change.sentences]
    unchanged = [change for change in common_changes if not change.sentences]
    worsened_findings = [change.describe_worsened() for change in changed if change.is_worse]
    has_declined = VERDICT_ORDER.index(after.verdict) > VERDICT_ORDER.index(before.verdict)
    buckets = {
        "gone": len(removed_findings),
        "same": len(unchanged),
        "changed": len(changed),
        "new": len(new_findings),
    }
    changes: Json = {
        "command": [before.command, after.command],
        "subjects": [list(before.subjects), list(after.subjects)],
        "verdicts": [before.verdict.value, after.verdict.value],
        "gone": [finding.to_json() for finding in removed_findings],
        "new": [finding.to_json() for finding in new_findings],
        "changed": [change.to_json() for change in changed],
        "same": [{"code": change.new.code, "cause": change.new.cause} for change in unchanged],
        "skips": _compare_skips(before, after),
        "mapping": _compare_mappings(before.mapping, after.mapping),
        "figures": list(_iter_changed_figures(before, after)),
    }
    return Report(
        "report",
        names,
        Verdict.DIVERGENT if new_findings or worsened_findings or has_declined else Verdict.PASS,
        Coverage("findings", buckets),
        (*new_findings, *worsened_findings),
        section=ChangesSection(changes),
    )


def pair_findings(
    before: Sequence[Finding], after: Sequence[Finding]
) -> Iterator[tuple[Finding | None, Finding | None]]:
    """Findings of one cause are one finding on both sides; where there are several, the places tell
    which is which.
    """
    likeness = sorted(
        (-_measure_overlap(old.where, new.where), i, j)
        for i, old in enumerate(before)
        for j, new in enumerate(after)
        if (old.code, old.cause) == (new.code, new.cause)
    )
    partner: dict[int, int] = {}
    for _, i, j in likeness:
        if i not in partner and j not in partner.values():
            partner[i] = j
    for i, old in enumerate(before):
        yield old, after[partner[i]] if i in partner else None
    yield from ((None, new) for j, new in enumerate(after) if j not in partner.values())


def _measure_overlap(a: Sequence[str], b: Sequence[str]) -> float:
    ours, theirs = set(a), set(b)
    if ours | theirs:
        return len(ours & theirs) / len(ours | theirs)
    return 1.0


def list_changes(old: Finding, new: Finding) -> list[str]:
    """What is different between two findings of one cause, one sentence each."""
    sentences = []
    if old.severity is not new.severity:
        sentences.append(f"{old.severity.value} became {new.severity.value}")
    if old.count != new.count:
        sentences.append(f"{old.count} places became {new.count}")
    elif set(old.where) != set(new.where):
        sentences.append(f"{len(set(new.where) - set(old.where))} other places")
    if abs(old.confidence - new.confidence) >= MIN_CONFIDENCE_STEP:
        sentences.append(f"confidence {old.confidence:.2f} became {new.confidence:.2f}")
    if len(old.times) != len(new.times):
        sentences.append(f"{len(old.times)} times became {len(new.times)}")
    elif old.times != new.times:
        sentences.append("other times")
    if not sentences and old.message != new.message:
        sentences.append(f'"{old.message}" became "{new.message}"')
    return sentences


def has_worsened(old: Finding, new: Finding) -> bool:
    """Whether a finding is more severe than before, or in more places."""
    if old.severity is not new.severity:
        return new.severity.rank < old.severity.rank
    return new.count > old.count or len(new.times) > len(old.times)


def _compare_skips(before: Report, after: Report) -> Json:
    old, new = set(before.skips), set(after.skips)
    return {
        "gone": [skip.to_json() for skip in before.skips if skip not in new],
        "new": [skip.to_json() for skip in after.skips if skip not in old],
    }


def _compare_mappings(before: Sequence[MappingEntry], after: Sequence[MappingEntry]) -> Json:
    """Entries by their names: which came, which went, and which have other operations or another
    equality.
    """
    old = {(entry.a, entry.b): entry for entry in before}
    new = {(entry.a, entry.b): entry for entry in after}
    changed_entries = [
        {"before": old[key].to_json(), "after": new[key].to_json()}
        for key in old
        if key in new and old[key] != new[key]
    ]
    return {
        "gone": [old[key].to_json() for key in old if key not in new],
        "new": [new[key].to_json() for key in new if key not in old],
        "changed": changed_entries,
    }


def _iter_changed_figures(before: Report, after: Report) -> Iterator[Json]:
    """Every number that both or only one of the reports has and that changed, under its path."""
    old, new = (dict(iter_figures(report)) for report in (before, after))
    for path in dict.fromkeys((*old, *new)):
        was, now = old.get(path), new.get(path)
        if was != now:
            yield {
                "path": path,
                "before": was,
                "after": now,
                "worse": _is_figure_worse(path, was, now),
            }


def _is_figure_worse(path: str, was: Number | None, now: Number | None) -> bool | None:
    if was is None or now is None:
        return None
    return is_worse(path, was, now)
