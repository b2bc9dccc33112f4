"""Query, key and value lie in another order, or interleaved by head.

**What it finds.** A joint projection whose blocks are k, q, v or any other order, or whose rows are
grouped by head first.

**What you hear.** Attention looks at the wrong things: babble, repeated or skipped words. All
shapes are legal.

**Why it happens.** A convention of another implementation (Megatron and GPT-NeoX interleave by
head).

**Blind spots.** Needs a reference.

**How it is measured.** The reordered matrix equals the other side's, bit for bit or within a number
format's error.

**Example.** The blocks of a joint projection are taken in another order:

    k, q, v = state["attn.to_qkv.weight"].chunk(3)  # wrong
    q, k, v = state["attn.to_qkv.weight"].chunk(3)  # right

**Fix.** The reordering, as a recipe. Safety: safe.

**References.** transformers, GPT-NeoX `query_key_value`.
"""

from __future__ import annotations

from auscult.finding import Severity
from auscult.rules.diff.evidence.operations import (
    make_check,
    make_constant_severity,
    make_operation_claim,
)
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY011"
NAME = "qkv-order"
REQUIRES = DiffSubject
PRECEDENCE = 22

claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    "query, key and value lie in another order",
    severity=make_constant_severity(Severity.ERROR),
    rank=9,
    summary="reorder the blocks",
)
