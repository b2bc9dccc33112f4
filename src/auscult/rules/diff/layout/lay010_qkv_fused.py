"""Query, key and value are one matrix on one side and several on the other.

**What it finds.** `to_q`, `to_k`, `to_v` against `in_proj`, `to_qkv`, `c_attn` (or k and v in one).

**What you hear.** Nothing, if the loader joins them. A loader that ignores unknown names leaves the
attention random.

**Why it happens.** Two implementations of the same attention.

**Blind spots.** Only a concatenation along the output axis is found. Blocks that are interleaved by
head are `qkv-order`.

**How it is measured.** The concatenation equals the other side's matrix, bit for bit or within a
number format's error.

**Example.** One implementation has three projections and the other has one:

    the reference has  attn.to_q.weight, attn.to_k.weight, attn.to_v.weight
    the candidate has  attn.in_proj.weight

**Fix.** Concatenate (or split), as a recipe. Safety: safe.

**References.** torch.nn.MultiheadAttention, `in_proj_weight`.
"""

from __future__ import annotations

from auscult.finding import Severity
from auscult.rules.diff.evidence.operations import (
    judge_code_severity,
    make_check,
    make_operation_claim,
)
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY010"
NAME = "qkv-fused"
REQUIRES = DiffSubject
PRECEDENCE = 30

USUAL_ORDERS = ("qkv", "kv")


def _judge_severity(subject: DiffSubject) -> Severity:
    """A warning where the parts lie in an order that few implementations have: the names alone do not show it."""
    severity = judge_code_severity(subject)
    places = subject.places.get(NAME, ())
    has_other_order = any(
        place.evidence.get("order", "qkv") not in USUAL_ORDERS for place in places
    )
    if severity is Severity.INFO and has_other_order:
        return Severity.WARNING
    return severity


def _describe(subject: DiffSubject) -> str:
    orders = dict.fromkeys(
        str(place.evidence["order"])
        for place in subject.places.get(NAME, ())
        if place.evidence.get("order", "qkv") not in USUAL_ORDERS
    )
    message = "query, key and value are one tensor on one side and several on the other"
    if orders:
        message += f", in the order {' and '.join(', '.join(order) for order in orders)}"
    return message


claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    _describe,
    severity=_judge_severity,
    rank=35,
    summary="concatenate (or split) the blocks",
)
