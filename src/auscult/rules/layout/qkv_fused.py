"""Query, key and value are one matrix on one side and several on the other.

**What it finds.** `to_q`, `to_k`, `to_v` against `in_proj`, `to_qkv`, `c_attn` (or k and v in one).

**What you hear.** Nothing once joined; a loader that ignores unknown names leaves attention random.

**Why it happens.** Two implementations of the same attention.

**Blind spots.** Concatenation along the output axis only, and per head (interleaved) as `qkv-order`.

**How it is measured.** The concatenation equals the other side's matrix, bit for bit or within a number format's error.

**Fix.** Concatenate (or split), as a recipe. Safety: safe.

**References.** torch.nn.MultiheadAttention, `in_proj_weight`.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.claims import OpenItems
from auscult.rules.operations import operation_finding, places_of
from auscult.rules.subject import DiffSubject, Place

CODE = "LAY010"
NAME = "qkv-fused"
REQUIRES = DiffSubject
PRECEDENCE = 30


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:  # noqa: ARG001
    return places_of(subject, NAME)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield operation_finding(
            CODE,
            NAME,
            "query, key and value are one tensor on one side and several on the other",
            places,
            severity=Severity.ERROR if subject.b_is_template else Severity.INFO,
            rank=35,
            summary="concatenate (or split) the blocks",
        )
