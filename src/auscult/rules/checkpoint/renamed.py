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

from auscult.finding import Finding, Fix, Severity
from auscult.rules.subject import DiffSubject
from auscult.rules.wording import counted, entries, folded

CODE = "CKP003"
NAME = "renamed"
REQUIRES = DiffSubject


def check(subject: DiffSubject) -> Iterable[Finding]:
    matches = subject.names.renamed
    if not matches:
        return
    sure = all(match.by in {"content", "neighbours"} for match in matches)
    where = tuple(name for match in matches for name in match.a)
    patterns = list(zip(folded(m.a[-1] for m in matches), folded(m.b[-1] for m in matches), strict=False))
    shown = "; ".join(f"{a} is {b}" for a, b in patterns[:3]) + (f" and {len(patterns) - 3} more" if len(patterns) > 3 else "")
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if subject.b_is_template else Severity.WARNING,
        where,
        f"{counted(len(where), 'tensor')} under other names: {shown}",
        confidence=1.0 if sure else 0.8,
        evidence={"patterns": [list(pair) for pair in patterns]},
        fix=Fix("safe" if sure else "guess", "rename", recipe=entries(matches)),
        rank=31,
    )
