"""Values that are NaN or infinite.

**What it finds.** Tensors with NaN, +Inf or -Inf among the values that were looked at.

**What you hear.** Silence, a single click, or full-scale noise: one NaN in a weight makes every
sample after it NaN, and most writers of sound files turn NaN into zero.

**Why it happens.** A training run that diverged and was saved; a cast to float16 of values above
65504; a division by a zero norm when weight norm was fused.

**Blind spots.** Without `--full` about a thousand values per tensor are looked at, in pieces spread
evenly: a tensor that is NaN throughout is found, a single NaN in a million values is not. Buffers
that are infinite on purpose (attention masks) are found too; they are reported as a warning if
their name says so.

**How it is measured.** Counted. No threshold, no false alarms.

**Example.** A weight was cast to float16 above its largest value:

    np.float32(70000).astype(np.float16)  # inf
    np.float32(70000).astype(ml_dtypes.bfloat16)  # 70144

**Fix.** None from this file: take an earlier checkpoint, or cast the original again with bfloat16.
Safety: not repairable.

**References.** IEEE 754; float16's largest value is 65504.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count, summarise_names
from auscult.finding import Finding, Severity
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP050"
NAME = "non-finite"
REQUIRES = InspectSubject

MASK_WORDS = ("mask", "attn_bias", "causal")


def check(subject: InspectSubject) -> Iterable[Finding]:
    bad_health = {
        name: health for name, health in subject.health.items() if health.nan or health.inf
    }
    mask_names = tuple(
        name
        for name in bad_health
        if any(word in name.lower() for word in MASK_WORDS) and not bad_health[name].nan
    )
    weight_names = tuple(name for name in bad_health if name not in mask_names)
    for names, severity in ((weight_names, Severity.ERROR), (mask_names, Severity.WARNING)):
        if names:
            nan_count, inf_count = (
                sum(bad_health[name].nan for name in names),
                sum(bad_health[name].inf for name in names),
            )
            value_count = sum(bad_health[name].seen for name in names)
            yield Finding(
                CODE,
                NAME,
                severity,
                names,
                f"{format_count(len(names), 'tensor')} with {nan_count} NaN and {inf_count} Inf among {value_count:,} values: {summarise_names(names)}",
                evidence={"nan": nan_count, "inf": inf_count, "seen": value_count},
                rank=1,
            )
