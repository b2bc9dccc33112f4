"""The values agree within the error of a coarser number format.

**What it finds.** Tensors that were rounded to float16, bfloat16, an 8-bit float or an 8-bit
integer on one side.

**What you hear.** Nothing, where weights are rounded to float16 or bfloat16. With 8 bits there is
usually a little noise, and more of it if the last layers of a vocoder are rounded.

**Why it happens.** On purpose, to save memory; or a half-precision file was taken for the original.

**Blind spots.** Which side is the original cannot be told where both are stored in the same dtype.

**How it is measured.** Element by element within the rounding error of the format that is named
(half a unit in the last place, or half a step of the integer grid). No other threshold.

**Example.** A port was saved in half precision:

    info    lossy (CKP014): 118 tensors equal within the rounding of float16; largest relative error
    4.0e-04 in resblocks.7.convs1.1.bias

**Fix.** None: what rounding took is gone. Take the file with more precision. Safety: lossy.

**References.** IEEE 754; bfloat16; OCP 8-bit floating point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.align.records import Match
from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality

CODE = "CKP014"
NAME = "lossy"
REQUIRES = DiffSubject
COMPUTING_OPS = frozenset(
    ("fuse_weight_norm", "split_weight_norm", "fold_batch_norm", "merge_lora", "sum", "log", "exp")
)


def measure(matches: Iterable[Match]) -> Counter[str]:
    """How many matches are close only because of each number format."""
    return Counter(
        match.number_format or "rounding" for match in matches if match.equality is Equality.CLOSE
    )


def check(subject: DiffSubject) -> Iterable[Finding]:
    close_matches = [
        candidate_match
        for candidate_match in subject.alignment.matches
        if candidate_match.equality is Equality.CLOSE and _is_rounded(subject, candidate_match)
    ]
    if not close_matches:
        return
    formats = measure(close_matches)
    where = tuple(name for match in close_matches for name in match.b)
    worst_match = max(close_matches, key=lambda match: match.error)
    yield Finding(
        CODE,
        NAME,
        Severity.INFO,
        where,
        f"{format_count(len(close_matches), 'tensor')} equal within the rounding of {', '.join(formats)}; largest relative error"
        f" {worst_match.error:.1e} in {worst_match.b[-1]}",
        evidence={
            "formats": dict(formats.most_common()),
            "largest_error": worst_match.error,
            "in": list(worst_match.b),
        },
        rank=93,
    )


def _is_rounded(subject: DiffSubject, match: Match) -> bool:
    """Whether a number format made the difference, and not the arithmetic of a fusion or a fold in float32."""
    dtypes = {subject.reference[name].dtype for name in match.a}
    dtypes |= {subject.candidate[name].dtype for name in match.b}
    return not (
        any(op.op in COMPUTING_OPS for op in match.ops)
        and len(dtypes) == 1
        and match.number_format in {None, *dtypes}
    )
