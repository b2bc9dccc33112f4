"""A norm is folded into the layer beside it, on one side.

**What it finds.** A convolution whose weight and bias equal the other side's convolution followed
by its BatchNorm; linear layers whose weights equal the other side's times the gain of the layer norm
before them, and whose biases have taken in its shift: W' = W·γ, b' = b + W·β. A BatchNorm that is
one factor and one summand for each channel.

**What you hear.** Nothing if the model has no norm there; with both, the normalisation is applied
twice: wrong level and colour.

**Why it happens.** Exporters fold normalisation for inference.

**Blind spots.** The norm's eps is not in the file; 1e-5 and 1e-3 are tried.

**How it is measured.** The folded weight, in float64, equals the other side's within the rounding
of the number format.

**Example.** An exporter folds BatchNorm into the convolution before it:

    the reference has  conv.weight, conv.bias, bn.weight, bn.bias, bn.running_mean, bn.running_var
    the candidate has  conv.weight, conv.bias

**Fix.** Fold, as a recipe; the statistics cannot be had back from the folded side. Safety: lossy.

**References.** Ioffe & Szegedy 2015.
"""

from __future__ import annotations

from auscult.rules.diff.evidence.operations import (
    judge_code_severity,
    make_check,
    make_equal_claim,
)
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY013"
NAME = "norm-folded"
REQUIRES = DiffSubject
PRECEDENCE = 30

claim = make_equal_claim(NAME)
check = make_check(
    CODE,
    NAME,
    "norms are folded into the layers beside them on one side",
    severity=judge_code_severity,
    rank=36,
    summary="fold the norms",
)
