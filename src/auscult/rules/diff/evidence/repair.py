"""What would make the source's tensors the target's: recipe entries, and the words for their direction."""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.records import Match
from auscult.align.reverse import list_ops_back
from auscult.finding import Json
from auscult.recipe.op import Op
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality


def build_repair_entries(subject: DiffSubject, matches: Iterable[Match]) -> tuple[Json, ...]:
    """The recipe entries that write these matches of the source in the target's form."""
    if subject.source_role == "reference":
        return format_entries(matches)
    return tuple(
        _format_entry(match.b, match.a, list_ops_back(match)) for match in matches
    )  # what `subject.repair` would give; a file may have a hundred thousand


def format_entries(repairs: Iterable[Match]) -> tuple[Json, ...]:
    """Ways from the source to the target as recipe entries."""
    return tuple(_format_entry(repair.a, repair.b, repair.ops) for repair in repairs)


def _format_entry(sources: tuple[str, ...], targets: tuple[str, ...], ops: tuple[Op, ...]) -> Json:
    return {
        "sources": list(sources),
        "targets": list(targets),
        "ops": [op.to_json() for op in ops],
    }


def list_repairs(subject: DiffSubject, matches: Iterable[Match]) -> list[Match]:
    """Those of these matches whose operations lead from the source to the target, as such ways."""
    repairs = (subject.repair(match) for match in matches)
    return [
        repair
        for repair in repairs
        if repair.ops
        and repair.equality is not Equality.DIFFERENT
        and not repair.backward
        and not any(repair.after)
    ]


def describe_direction(subject: DiffSubject) -> str:
    """From which side to which a repair leads, in words."""
    return (
        f"from the {subject.noun(subject.source_role)} to the {subject.noun(subject.target_role)}"
    )
