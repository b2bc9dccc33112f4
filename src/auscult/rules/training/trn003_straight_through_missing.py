"""No gradient comes through the quantizer: the encoder does not learn from the output.

**What it finds.** Quantizers whose output does not depend on their input as far as autograd knows,
and passages between the parts that are detached.

**What you hear.** A codec that stays as bad as a random encoder allows: the decoder learns, the
encoder does not (or only to please the commitment loss).

**Why it happens.** Choosing the nearest code has no derivative. Without `z + (q - z).detach()`
autograd stops there; or the code path of inference (`encode`, then `decode` of codes) is used in
training; or a stray `detach()` or `no_grad`.

**Example.** Wrong and right:

```python
return codebook[distances.argmin(-1)]              # wrong: argmin has no derivative

quantised = codebook[distances.argmin(-1)]
return z + (quantised - z).detach()                # right: the straight-through estimate
```

**Blind spots.** An encoder that is meant to stay fixed: list it in `frozen`, which does not silence
this rule.

**How it is measured.** The gradient of a random pull at the quantizer's output, at its input: below
1 % of the pull (`MAX_CUT_FACTOR`), or none. The same for the passages encoder to quantizer and
quantizer to decoder. Where the quantizer is not called as a module: a gradient in the decoder and
exactly none in the encoder over all steps.

**Fix.** Add the straight-through estimate. Safety: safe.

**References.** Bengio et al. (arXiv 1308.3432); van den Oord et al. (arXiv 1711.00937), section
3.2. transformers' EncodecModel decodes from codes, so that its encoder cannot be trained through
its forward.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training._evidence import find_cut_gains
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN003"
NAME = "straight-through-missing"
REQUIRES = PreflightSubject


def check(subject: PreflightSubject) -> Iterable[Finding]:
    measured = subject.measured
    cut_places = [
        gain.place
        for gain in find_cut_gains(measured)
        if gain.how in ("straight-through", "passage")
    ]
    gradient_norms = measured.gradients
    has_straight_through = any(gain.how == "straight-through" for gain in measured.gains)
    if not cut_places and (
        has_straight_through
        or gradient_norms.get("encoder") != 0.0
        or not gradient_norms.get("decoder")
    ):
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(cut_places) or ("encoder",),
        f"no gradient comes through {', '.join(cut_places) or 'to the encoder'}: the encoder "
        "learns nothing from the output",
        evidence={
            "gradient_norms": {name: float(f"{norm:.4g}") for name, norm in gradient_norms.items()}
        },
        fix=Fix(
            "safe",
            "give the quantised value the gradient of its input",
            code="quantised = z + (quantised - z).detach()",
        ),
        rank=8,
    )
