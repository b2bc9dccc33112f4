"""The same modules have other names.

**What it finds.** Tensors of equal content (or, against code, of the same place and shape) under other names:
`attn1.to_q` and `attn.query_proj`, `encoders.3` and `encoders_3`.

**What you hear.** With `strict=False`, in MLX or in Swift, these tensors are not loaded and nothing raises.

**Why it happens.** Every port to another framework renames modules.

**Blind spots.** Against code with fresh weights the pairing rests on words, shapes and positions; confidence says so.

**How it is measured.** By content where both sides have it. By names: patterns whose words agree (Dice coefficient at
least 0.45) and whose shapes agree in all members. What stays open is not guessed.

**Fix.** Rename, as a recipe; every bit is kept. Safety: safe by content, guess by names.

**References.** mlx-audio's sanitize() functions.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.naming import split_indices
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.subject import DiffSubject
from auscult.rules.wording import build_recipe_entries, fold_names, format_count

CODE = "CKP003"
NAME = "renamed"
REQUIRES = DiffSubject


def check(subject: DiffSubject) -> Iterable[Finding]:
    matches = subject.names.renamed
    if not matches:
        return
    is_sure = all(match.by in {"content", "neighbours"} for match in matches)
    where = tuple(name for match in matches for name in match.a)
    patterns = _fold_pairs([(match.a[-1], match.b[-1]) for match in matches])
    shown = "; ".join(f"{a} is {b}" for a, b in patterns[:3]) + (
        f" and {len(patterns) - 3} more" if len(patterns) > 3 else ""
    )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if subject.b_is_template else Severity.WARNING,
        where,
        f"{format_count(len(where), 'tensor')} under other names: {shown}",
        confidence=1.0 if is_sure else 0.8,
        evidence={"patterns": [list(pair) for pair in patterns]},
        fix=Fix("safe" if is_sure else "guess", "rename", recipe=build_recipe_entries(matches)),
        rank=31,
    )


def _fold_pairs(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names of a with those of b that they stand for, folded only where both sides fold alike."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for a, b in pairs:
        groups.setdefault((split_indices(a)[0], split_indices(b)[0]), []).append((a, b))
    result = []
    for members in groups.values():
        is_uniform = (
            len(
                {
                    _compute_index_offsets(split_indices(a)[1], split_indices(b)[1])
                    for a, b in members
                }
            )
            == 1
        )
        if is_uniform and len(members) > 1:
            result.append(
                (fold_names(a for a, _ in members)[0], fold_names(b for _, b in members)[0])
            )
        else:
            result += members
    return result


def _compute_index_offsets(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """How far each index of b lies from a's; None where they are not as many."""
    if len(a) == len(b):
        return tuple(y - x for x, y in zip(a, b, strict=True))
    return None
