"""Values that are NaN or infinite.

**What it finds.** Tensors with NaN, +Inf or -Inf among the values that were looked at.

**What you hear.** Silence, a single click, or full-scale noise: one NaN in a weight makes every sample after it NaN, and most
writers of sound files turn NaN into zero.

**Why it happens.** A training run that diverged and was saved; a cast to float16 of values above 65504; a division by a zero
norm when weight norm was fused.

**Blind spots.** Without `--full` about a thousand values per tensor are looked at, in pieces spread evenly: a tensor that is
NaN throughout is found, a single NaN in a million values is not. Buffers that are infinite on purpose (attention masks) are
found too; they are reported as a warning if their name says so.

**How it is measured.** Counted. No threshold, no false alarms.

**Fix.** None from this file: take an earlier checkpoint, or cast the original again with bfloat16. Safety: not repairable.

**References.** IEEE 754; float16's largest value is 65504.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import counted, some
from auscult.finding import Finding, Severity
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP050"
NAME = "non-finite"
REQUIRES = InspectSubject

MASK_WORDS = ("mask", "attn_bias", "causal")


def check(subject: InspectSubject) -> Iterable[Finding]:
    bad = {name: health for name, health in subject.health.items() if health.nan or health.inf}
    masks = tuple(
        name
        for name in bad
        if any(word in name.lower() for word in MASK_WORDS) and not bad[name].nan
    )
    weights = tuple(name for name in bad if name not in masks)
    for names, severity in ((weights, Severity.ERROR), (masks, Severity.WARNING)):
        if names:
            nan, inf = sum(bad[name].nan for name in names), sum(bad[name].inf for name in names)
            seen = sum(bad[name].seen for name in names)
            yield Finding(
                CODE,
                NAME,
                severity,
                names,
                f"{counted(len(names), 'tensor')} with {nan} NaN and {inf} Inf among {seen:,} values: {some(names)}",
                evidence={"nan": nan, "inf": inf, "seen": seen},
                rank=1,
            )
