"""`report`: a saved report shown again in any format; two of them, and what changed from the one run to the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from auscult.finding import Finding, Json
from auscult.report._saved import read_report
from auscult.verbs.report.figures import Number, figures_of, is_worse
from auscult.verdict import Coverage, MappingEntry, Report, Verdict

MIN_CONFIDENCE_STEP = 0.05
"""Smaller changes of a confidence are not worth a line."""
ORDER = (Verdict.PASS, Verdict.EQUIVALENT, Verdict.INCONCLUSIVE, Verdict.DIVERGENT, Verdict.ERROR)
"""From the best to the worst."""


def report(path: str | Path, other: str | Path | None = None) -> Report:
    """The report saved in a JSON file; with a second one, what changed from the first to the second.

    Of two, the report's findings are those of the second run that are new or became worse. It is PASS if there are none and
    the verdict is no worse, DIVERGENT otherwise; `extra["changes"]` holds everything that changed.

    Raises:
        UsageError: If a file holds no report.
    """
    first = read_report(path)
    if other is None:
        return replace(first, extra={**first.extra, "saved": _saved(Path(path))})
    second = read_report(other)
    return compare(first, second, (str(path), str(other)))


def _saved(path: Path) -> Json:
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return {"file": str(path), "written": written.strftime("%Y-%m-%d %H:%M UTC")}


def compare(before: Report, after: Report, names: tuple[str, str]) -> Report:
    """What changed from one report to another.

    Args:
        names: Of the two, for messages.
    """
    pairs = list(paired(before.findings, after.findings))
    gone = [old for old, new in pairs if new is None and old is not None]
    fresh = [new for old, new in pairs if old is None and new is not None]
    both = [(old, new) for old, new in pairs if old is not None and new is not None]
    changed = [(old, new, said) for old, new in both if (said := changes_of(old, new))]
    worse = [
        replace(new, message=f"{new.message} (worse: {'; '.join(said)})")
        for old, new, said in changed
        if became_worse(old, new)
    ]
    declined = ORDER.index(after.verdict) > ORDER.index(before.verdict)
    buckets = {
        "gone": len(gone),
        "same": len(both) - len(changed),
        "changed": len(changed),
        "new": len(fresh),
    }
    changes: Json = {
        "command": [before.command, after.command],
        "subjects": [list(before.subjects), list(after.subjects)],
        "verdicts": [before.verdict.value, after.verdict.value],
        "gone": [finding.to_json() for finding in gone],
        "new": [finding.to_json() for finding in fresh],
        "changed": [
            {
                "code": new.code,
                "cause": new.cause,
                "severity": new.severity.value,
                "what": said,
                "worse": became_worse(old, new),
            }
            for old, new, said in changed
        ],
        "same": [
            {"code": new.code, "cause": new.cause} for old, new in both if not changes_of(old, new)
        ],
        "skips": _skips(before, after),
        "mapping": _mapping(before.mapping, after.mapping),
        "figures": list(_figures(before, after)),
    }
    return Report(
        "report",
        names,
        Verdict.DIVERGENT if fresh or worse or declined else Verdict.PASS,
        Coverage("findings", buckets),
        (*fresh, *worse),
        extra={"changes": changes},
    )


def paired(
    before: Sequence[Finding], after: Sequence[Finding]
) -> Iterator[tuple[Finding | None, Finding | None]]:
    """Findings of one cause are one finding on both sides; where there are several, the places tell which is which."""
    likeness = sorted(
        (-_overlap(old.where, new.where), i, j)
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


def _overlap(a: Sequence[str], b: Sequence[str]) -> float:
    ours, theirs = set(a), set(b)
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0


def changes_of(old: Finding, new: Finding) -> list[str]:
    """What is different between two findings of one cause, one sentence each."""
    said = []
    if old.severity is not new.severity:
        said.append(f"{old.severity.value} became {new.severity.value}")
    if old.count != new.count:
        said.append(f"{old.count} places became {new.count}")
    elif set(old.where) != set(new.where):
        said.append(f"{len(set(new.where) - set(old.where))} other places")
    if abs(old.confidence - new.confidence) >= MIN_CONFIDENCE_STEP:
        said.append(f"confidence {old.confidence:.2f} became {new.confidence:.2f}")
    if len(old.times) != len(new.times):
        said.append(f"{len(old.times)} times became {len(new.times)}")
    elif old.times != new.times:
        said.append("other times")
    if not said and old.message != new.message:
        said.append(f'"{old.message}" became "{new.message}"')
    return said


def became_worse(old: Finding, new: Finding) -> bool:
    """Whether a finding is more severe than before, or in more places."""
    if old.severity is not new.severity:
        return new.severity.rank < old.severity.rank
    return new.count > old.count or len(new.times) > len(old.times)


def _skips(before: Report, after: Report) -> Json:
    old, new = set(before.skips), set(after.skips)
    return {
        "gone": [skip.to_json() for skip in before.skips if skip not in new],
        "new": [skip.to_json() for skip in after.skips if skip not in old],
    }


def _mapping(before: Sequence[MappingEntry], after: Sequence[MappingEntry]) -> Json:
    """Entries by their names: which came, which went, and which have other operations or another equality."""
    old, new = ({(entry.a, entry.b): entry for entry in entries} for entries in (before, after))
    other = [
        {"before": old[key].to_json(), "after": new[key].to_json()}
        for key in old
        if key in new and old[key] != new[key]
    ]
    return {
        "gone": [old[key].to_json() for key in old if key not in new],
        "new": [new[key].to_json() for key in new if key not in old],
        "changed": other,
    }


def _figures(before: Report, after: Report) -> Iterator[Json]:
    """Every number that both or only one of the reports has and that changed, under its path."""
    old, new = (dict(figures_of(report)) for report in (before, after))
    for path in dict.fromkeys((*old, *new)):
        was, now = old.get(path), new.get(path)
        if was != now:
            yield {"path": path, "before": was, "after": now, "worse": _direction(path, was, now)}


def _direction(path: str, was: Number | None, now: Number | None) -> bool | None:
    return None if was is None or now is None else is_worse(path, was, now)
