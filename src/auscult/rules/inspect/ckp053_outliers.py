"""Single values that are out of all proportion to their tensor.

**What it finds.** Tensors whose largest magnitude is more than ten thousand times the geometric
mean of their magnitudes and far from the rest of the distribution.

**What you hear.** A constant tone, clipping, or NaN after the first layer: one weight of 1e30
drowns all others.

**Why it happens.** A flipped bit in the exponent (bad memory, a damaged download); bytes read as
another type; an optimizer step that blew up.

**Blind spots.** Without `--full` only the sampled values are seen. Statistics of batch norm and
integers are left out: they span many orders of magnitude by nature.

**How it is measured.** Largest magnitude over the geometric mean of the non-zero magnitudes, at
least 1e4, with a kurtosis over 50 (a single value carries the variance). A normal distribution of a
billion values reaches 12, Student's t with 3 degrees of freedom 2e3.

**Example.** The highest bit of one exponent was flipped:

    np.uint32(np.float32(0.01).view(np.uint32) ^ (1 << 30)).view(np.float32)  # 3.4e+36

**Fix.** Fetch the file again and compare its checksum; otherwise an earlier checkpoint. Safety: not
repairable.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.checkpoint.health import is_float
from auscult.facts.words import format_count, summarise_names
from auscult.finding import Finding, Severity
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP053"
NAME = "outliers"
REQUIRES = InspectSubject

MIN_RATIO = 1e4
MIN_KURTOSIS = 50.0
MIN_VALUES = 64
STATISTIC_SUFFIXES = ("running_var", "running_mean", "num_batches_tracked")


def check(subject: InspectSubject) -> Iterable[Finding]:
    ratio_by_name: dict[str, float] = {}
    for name, health in subject.health.items():
        tensor = subject.checkpoint[name]
        if (
            not is_float(tensor.dtype)
            or name.endswith(STATISTIC_SUFFIXES)
            or health.seen < MIN_VALUES
            or not health.geometric
        ):
            continue
        ratio = health.peak / health.geometric
        if ratio >= MIN_RATIO and health.kurtosis >= MIN_KURTOSIS:
            ratio_by_name[name] = ratio
    if ratio_by_name:
        worst_name = max(ratio_by_name, key=lambda name: ratio_by_name[name])
        yield Finding(
            CODE,
            NAME,
            Severity.WARNING,
            tuple(ratio_by_name),
            f"{format_count(len(ratio_by_name), 'tensor')} with single huge values: {summarise_names(tuple(ratio_by_name))}; the largest is"
            f" {subject.health[worst_name].peak:.3g} in {worst_name}, {ratio_by_name[worst_name]:.1g} times its typical value",
            0.9,
            evidence={"ratio": dict(list(ratio_by_name.items())[:16])},
            rank=12,
        )
