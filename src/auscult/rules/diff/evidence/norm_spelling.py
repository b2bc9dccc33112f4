"""The two sides spell the names of weight norm in two ways: `weight_g`, or `parametrizations.weight.original0`.

torch bridges only one way: modules with the new names load a file with the old ones (`_weight_norm_compat_hook` of
torch.nn.utils.parametrizations.weight_norm), not the reverse. Code with the old names and `strict=False` then leaves every normed
layer random, as in hexgrad/kokoro#368.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.align.records import Match
from auscult.facts.weight_norm import PairForm, parse_weight_norm_name
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.evidence.repair import build_repair_entries, describe_direction
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality

CONFIDENCE_BY_NAMES = 0.95
"""Confidence where names and shapes alone made the pairs. Chosen, not measured."""
_RENAMING_CODE = (
    '{k.replace("parametrizations.weight.original0", "weight_g")'
    '.replace("parametrizations.weight.original1", "weight_v"): v for k, v in state.items()}'
)


def describe_spelling(subject: DiffSubject, code: str, cause: str) -> Iterator[Finding]:
    """One finding over the pairs that are spelt in two ways; an error against fresh code where torch does not bridge it."""
    matches = [
        match
        for match in subject.alignment.matches
        if match.equality is not Equality.DIFFERENT and _find_forms(subject, match) is not None
    ]
    if not matches:
        return
    forms = _find_forms(subject, matches[0])
    assert forms is not None
    source_name, target_name = (
        subject.source_names(matches[0])[0],
        subject.target_names(matches[0])[0],
    )
    severity, consequence = _judge_spelling(subject, forms[1])
    text = (
        f"the {subject.noun(subject.source_role)} spells weight norm in another way than the"
        f" {subject.noun(subject.target_role)}: {source_name} for {target_name},"
        f" in {format_count(len(matches), 'tensor')}{consequence}"
    )
    yield Finding(
        code,
        cause,
        severity,
        tuple(name for match in matches for name in match.b),
        text,
        confidence=CONFIDENCE_BY_NAMES if subject.compares_shapes else 1.0,
        evidence={"source": forms[0], "target": forms[1], "tensors": len(matches)},
        fix=Fix(
            "safe",
            f"rename, {describe_direction(subject)}",
            recipe=build_repair_entries(subject, matches),
            code=_RENAMING_CODE if forms[1] == "weight-norm-old" else None,
        ),
        rank=29,
    )


def _judge_spelling(subject: DiffSubject, target_form: PairForm) -> tuple[Severity, str]:
    """How bad it is, and what a load would do."""
    if not subject.compares_shapes:
        return Severity.INFO, ""
    if subject.target.format == "code:torch" and target_form == "weight-norm-new":
        return Severity.INFO, "; torch renames these on loading"
    return Severity.ERROR, (
        "; load_state_dict(strict=False) leaves them out, and these layers keep their initial weights"
    )


def _find_forms(subject: DiffSubject, match: Match) -> tuple[PairForm, PairForm] | None:
    """How the source and the target spell it, where they differ."""
    if match.a == match.b or len(match.a) != 1 or len(match.b) != 1:
        return None
    source = parse_weight_norm_name(subject.source_names(match)[0])
    target = parse_weight_norm_name(subject.target_names(match)[0])
    if source is None or target is None or source.form == target.form:
        return None
    return source.form, target.form
