"""One side stores weight norm's g and v, the other the fused weight.

**What it finds.** Pairs g, v (`weight_g`, `weight_v`, or `parametrizations.weight.original0`,
`.original1`) whose fusion g·v/‖v‖ is the other side's weight.

**What you hear.** Nothing, if the loader fuses them. A loader that takes v for the weight gets a
wrong gain in every channel, and you hear noise. A loader that ignores unknown names leaves random
weights.

**Why it happens.** `remove_weight_norm()` was called on one side only; MLX and ONNX ports store
fused weights.

**Blind spots.** Spectral norm stores a `weight_v` too, without a `weight_g`; it is not touched.

**How it is measured.** The fusion, in float64, over the axis that g keeps, equals the weight within
the rounding of the number format. No other threshold.

**Example.** The checkpoint has g and v, and the port one weight:

    the reference has  ups.0.weight_g, ups.0.weight_v
    the candidate has  ups.0.weight

**Fix.** Fuse (or split), as a recipe. Fusing forgets the length of v, which the model does not use.
Safety: lossy.

**References.** Salimans & Kingma 2016; torch.nn.utils.weight_norm.
"""

from __future__ import annotations

from auscult.rules.diff.evidence.operations import (
    judge_code_severity,
    make_check,
    make_equal_claim,
)
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY007"
NAME = "weight-norm-unfused"
REQUIRES = DiffSubject
PRECEDENCE = 30

claim = make_equal_claim(NAME)
check = make_check(
    CODE,
    NAME,
    "weight norm is stored as g and v on one side and fused on the other",
    severity=judge_code_severity,
    rank=34,
    summary="fuse g·v/‖v‖ (or split) to the other side's form",
)
