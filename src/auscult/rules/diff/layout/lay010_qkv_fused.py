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

claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    "query, key and value are one tensor on one side and several on the other",
    severity=judge_code_severity,
    rank=35,
    summary="concatenate (or split) the blocks",
)
