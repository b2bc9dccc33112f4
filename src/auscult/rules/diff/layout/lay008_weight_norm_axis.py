"""Weight norm was fused over the wrong axis.

**What it finds.** A fused weight that equals g·v/‖v‖ only if the norm is taken over other axes (one, some
or all of them), or the gain put along another axis, than belongs to that layer: axis 0 counts *input*
channels in a transposed convolution.

**What you hear.** Wrong gains per channel in the upsampling layers, in a legal shape: a coloured,
buzzing or distorted voice.

**Why it happens.** A home-made fusion takes the norm per output channel everywhere.

**Blind spots.** Needs g and v, or a correctly fused weight, on the other side.

**How it is measured.** The fusion over the other axis equals the weight within the rounding of the
number format.

**Example.** The norm is taken over the wrong axes in a transposed convolution:

    g * v / np.linalg.norm(v, axis=(0, 2), keepdims=True)  # wrong: for each output channel
    g * v / np.linalg.norm(v, axis=(1, 2), keepdims=True)  # right: for each index of axis 0

**Fix.** Fuse again from g and v over axis 0; the fused weight alone does not hold the right gains.
Safety: safe where g and v are at hand.

**References.** torch.nn.utils.weight_norm, `dim=0`; torch.nn.ConvTranspose1d (in, out/groups, k).
"""

from __future__ import annotations

from auscult.finding import Severity
from auscult.rules.diff.evidence.operations import (
    make_check,
    make_constant_severity,
    make_operation_claim,
)
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY008"
NAME = "weight-norm-axis"
REQUIRES = DiffSubject
PRECEDENCE = 25
DIVERGES = True

claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    "weight norm was fused over the wrong axis: the shape is legal, the gains are not",
    severity=make_constant_severity(Severity.ERROR),
    rank=9,
    summary="fuse over axis 0",
)
