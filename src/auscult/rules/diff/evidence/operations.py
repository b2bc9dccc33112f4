"""Matches by what their operations amount to: the cause that content alignment gave, or the one that the operations imply."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from auscult.align.records import Match
from auscult.finding import Finding, Fix, Severity
from auscult.recipe.op import Op
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import DiffSubject, Place
from auscult.rules.wording import counted, entries
from auscult.verdict import Equality

_ATTENTION = re.compile(r"qkv|kv|in_proj|c_attn|att(entio)?n|query|to_[qkv]", re.IGNORECASE)
_CAUSE_OF_OP = {
    "fuse_weight_norm": "weight-norm-unfused",
    "split_weight_norm": "weight-norm-unfused",
    "interleave": "qkv-order",
    "deinterleave": "qkv-order",
    "sum": "gate-order",
    "fold_batch_norm": "norm-folded",
    "fold_scale": "norm-folded",
    "merge_lora": "lora-unmerged",
    "log": "snake-parametrisation",
    "exp": "snake-parametrisation",
    "fortran": "layout-fortran",
    "byteswap": "wrong-dtype",
    "reinterpret": "wrong-dtype",
}

_NONE: frozenset[str] = frozenset()


def causes_of(match: Match) -> frozenset[str]:
    """Every cause that a match shows by itself: the given one, and one per telling operation."""
    if not match.ops:
        return _NONE if match.cause is None else frozenset((match.cause,))
    causes = {cause for op in match.ops if (cause := _cause(op, match))}
    if match.cause is not None:
        # an alignment knows more than the bare operation: a fused weight that only fits over the wrong axis is not "unfused"
        causes = {match.cause, *(cause for cause in causes if not _shadowed(cause, match.cause))}
    return frozenset(causes)


def _shadowed(cause: str, by: str) -> bool:
    families = (
        ("weight-norm", "weight-norm"),
        ("qkv", "gate"),
        ("gate", "qkv"),
        ("layout-fortran", "layout"),
    )
    return cause != by and any(
        cause.startswith(one) and by.startswith(two) for one, two in families
    )


def _cause(op: Op, match: Match) -> str | None:
    name = match.b[0] if len(match.b) == 1 else match.a[0]
    if op.op == "reorder_blocks":
        return "qkv-order" if _ATTENTION.search(name) else "gate-order"
    if op.op in {"concat", "split"}:
        return "qkv-fused" if _ATTENTION.search(name) or _ATTENTION.search(match.a[0]) else None
    return _CAUSE_OF_OP.get(op.op)


def places_of(subject: DiffSubject, cause: str) -> tuple[Place, ...]:
    """The matches that show that cause, in order."""
    return tuple(
        Place(match.a, match, dict(match.evidence)) for match in subject.caused.get(cause, ())
    )


def claimed_by_operation(cause: str) -> Callable[[DiffSubject, OpenItems], Iterable[Place]]:
    """The `claim` of a rule that needs nothing but the matches that show its cause."""
    return lambda subject, items: places_of(subject, cause)  # noqa: ARG005  the claim of a rule is given both


def reported(
    code: str,
    cause: str,
    message: str,
    *,
    severity: Callable[[DiffSubject], Severity],
    rank: int,
    summary: str,
) -> Callable[[DiffSubject], Iterable[Finding]]:
    """The `check` of a rule that has one thing to say of all the places that it claimed."""

    def check(subject: DiffSubject) -> Iterable[Finding]:
        places = subject.places.get(cause, ())
        if places:
            yield operation_finding(
                code, cause, message, places, severity=severity(subject), rank=rank, summary=summary
            )

    return check


def always(severity: Severity) -> Callable[[DiffSubject], Severity]:
    """That severity, whatever the subject."""
    return lambda subject: severity  # noqa: ARG005


def breaks_code(subject: DiffSubject) -> Severity:
    """An error where live code would be loaded with it; between two files it is another way to say the same."""
    return Severity.ERROR if subject.b_is_template else Severity.INFO


def leads_to_b(match: Match) -> bool:
    """Whether the operations make b's tensors of a's, and not the reverse."""
    return not match.backward and not any(match.after)


def operation_finding(
    code: str,
    cause: str,
    message: str,
    places: tuple[Place, ...],
    *,
    severity: Severity,
    rank: int,
    summary: str,
) -> Finding:
    """One finding over matches that a recipe repairs (or, where nothing makes them equal, that none does)."""
    matches = [place.match for place in places if place.match is not None]
    names = tuple(dict.fromkeys(name for place in places for name in place.where))
    repaired = [
        match
        for match in matches
        if match.ops and match.equality is not Equality.DIFFERENT and leads_to_b(match)
    ]
    lossless = all(op.lossless for match in repaired for op in match.ops)
    fix = (
        Fix("safe" if lossless else "lossy", summary, recipe=entries(repaired))
        if repaired
        else None
    )
    return Finding(
        code,
        cause,
        severity,
        names,
        f"{message} ({counted(len(names), 'tensor')})",
        evidence={
            "matches": len(matches),
            "ops": sorted({op.op for match in matches for op in match.ops}),
            "largest_error": max((match.error for match in matches), default=0.0),
        },
        fix=fix,
        rank=rank,
    )
