"""The same modules have other names.

**What it finds.** Tensors of equal content (or, against code, of the same place and shape) under
other names: `attn1.to_q` and `attn.query_proj`, `encoders.3` and `encoders_3`. Weight norm spelt in
two ways is a finding of its own: `weight_g` and `parametrizations.weight.original0`.

**What you hear.** With `strict=False`, in MLX or in Swift, these tensors are not loaded and nothing
raises.

**Why it happens.** Every port to another framework renames modules.

**Blind spots.** Against code with fresh weights the pairing rests on words, shapes and positions;
the finding's confidence is lower there. Whether a loader renames cannot be seen; of torch itself it is
known that modules with the new names of weight norm load the old ones, and not the reverse.

**How it is measured.** By content where both sides have it. By names: patterns whose words agree
(Dice coefficient at least 0.45) and whose shapes agree in all members. A name that this leaves open
is not guessed.

**Example.** A port calls the same layer by another name:

    the reference has  encoders.3.attn1.to_q.weight
    the candidate has  encoders_3.attn.query_proj.weight

**Fix.** Rename, as a recipe; every bit is kept. Safety: safe by content, guess by names.

**References.** mlx-audio's sanitize() functions.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import fold_columns, format_count, split_indices
from auscult.finding import Finding, Fix, Safety, Severity
from auscult.rules.diff.evidence.norm_spelling import describe_spelling
from auscult.rules.diff.evidence.repair import build_repair_entries, describe_direction
from auscult.rules.diff.subject import DiffSubject

CODE = "CKP003"
NAME = "renamed"
REQUIRES = DiffSubject
CONFIDENCE_BY_NAMES = 0.8
"""Confidence where names alone made the pairs. Chosen, not measured."""
MAX_LISTED_PATTERNS = 3
"""Patterns that the message lists. Chosen, not measured."""


def check(subject: DiffSubject) -> Iterable[Finding]:
    yield from describe_spelling(subject, CODE, NAME)
    matches = subject.names.renamed
    if not matches:
        return
    where = tuple(name for match in matches for name in match.b)
    patterns = _fold_pairs([(match.a[-1], match.b[-1]) for match in matches])
    reference_noun, candidate_noun = subject.noun("reference"), subject.noun("candidate")
    confidence = CONFIDENCE_BY_NAMES
    safety: Safety = "guess"
    if all(match.by in {"content", "neighbours"} for match in matches):
        confidence, safety = 1.0, "safe"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if subject.compares_shapes else Severity.WARNING,
        where,
        f"{format_count(len(where), 'tensor')} of the {candidate_noun} under other names than the {reference_noun}'s:"
        f" {_list_patterns(patterns)}",
        confidence=confidence,
        evidence={"patterns": [list(pair) for pair in patterns]},
        fix=Fix(
            safety,
            f"rename, {describe_direction(subject)}",
            recipe=build_repair_entries(subject, matches),
        ),
        rank=31,
    )


def _list_patterns(patterns: list[tuple[str, str]]) -> str:
    """The first few patterns, as `the candidate's for the reference's`."""
    text = "; ".join(
        f"{candidate} for {reference}" for reference, candidate in patterns[:MAX_LISTED_PATTERNS]
    )
    if len(patterns) > MAX_LISTED_PATTERNS:
        text += f" and {len(patterns) - MAX_LISTED_PATTERNS} more"
    return text


def _fold_pairs(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names of the reference with the candidate's for them, folded only where both sides fold alike."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for reference, candidate in pairs:
        labels = (split_indices(reference)[0], split_indices(candidate)[0])
        groups.setdefault(labels, []).append((reference, candidate))
    result = []
    for members in groups.values():
        offsets = {_compute_index_offsets(reference, candidate) for reference, candidate in members}
        if len(offsets) == 1 and len(members) > 1:
            references, candidates = zip(*members, strict=True)
            result.append((fold_columns(references)[0], fold_columns(candidates)[0]))
        else:
            result += members
    return result


def _compute_index_offsets(reference: str, candidate: str) -> tuple[int, ...] | None:
    """How far each index of the candidate's name lies from the reference's; None where they are not as many."""
    reference_indices, candidate_indices = split_indices(reference)[1], split_indices(candidate)[1]
    if len(reference_indices) != len(candidate_indices):
        return None
    return tuple(y - x for x, y in zip(reference_indices, candidate_indices, strict=True))
