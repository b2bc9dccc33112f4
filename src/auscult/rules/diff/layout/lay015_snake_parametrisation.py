"""Snake's alpha (and beta) are stored as such on one side and as logarithms on the other.

**What it finds.** Activation parameters that are equal after exp or log; in graphs also 1 /
(exp(beta) + offset), the factor that a converter makes of the division.

**What you hear.** exp of an alpha that is already linear, or a logarithm used as alpha: harsh,
metallic harmonics or a dull tone.

**Why it happens.** BigVGAN and Stable Audio store log alpha (`alpha_logscale`), DAC and HiFT store
alpha.

**Blind spots.** Needs a reference. The activation's epsilon and which of alpha and beta divides are
not in the weights.

**How it is measured.** The exponential of one side equals the other side within the rounding of the
number format.

**Example.** BigVGAN stores the logarithm of alpha, and a port uses it as alpha:

    x + torch.sin(alpha * x) ** 2 / alpha  # wrong: alpha is a logarithm here
    x + torch.sin(alpha.exp() * x) ** 2 / alpha.exp()  # right

**Fix.** The exponential or logarithm, as a recipe. Safety: lossy, by one rounding.

**References.** Ziyin et al. 2020 (Snake); NVIDIA/BigVGAN, activations.py.
"""

from __future__ import annotations

from auscult.finding import Severity
from auscult.rules.diff.evidence.operations import make_check, make_operation_claim
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY015"
NAME = "snake-parametrisation"
REQUIRES = DiffSubject
PRECEDENCE = 30


def _judge_severity(subject: DiffSubject) -> Severity:
    """A graph holds what its operators multiply by, so there the exponential is only computed beforehand."""
    if subject.reference.is_graph or subject.candidate.is_graph:
        return Severity.INFO
    return Severity.WARNING


claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    "Snake's parameters are logarithms on one side and linear on the other",
    severity=_judge_severity,
    rank=32,
    summary="take the exponential or logarithm",
)
