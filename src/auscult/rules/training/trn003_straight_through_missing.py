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
exactly none in the encoder over all steps. And by term: those at the output have a gradient of exactly
0 at the encoder's parameters, others have not.

**Fix.** Add the straight-through estimate. Safety: safe.

**References.** Bengio et al. (arXiv 1308.3432); van den Oord et al. (arXiv 1711.00937), section
3.2. transformers' EncodecModel decodes from codes, so that its encoder cannot be trained through
its forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.records import TermMeasure
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
    unheard_terms = find_unheard_terms(measured.terms)
    if unheard_terms and not cut_places and gradient_norms.get("decoder"):
        yield _build_unheard_finding(unheard_terms, measured.terms)
        return
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


def find_unheard_terms(terms: Sequence[TermMeasure]) -> tuple[str, ...]:
    """The terms at the output, where none of them reaches the encoder though others do."""
    at_output = [term for term in terms if term.at_output and term.at_encoder is not None]
    others = [term for term in terms if not term.at_output]
    if not at_output or any(term.at_encoder for term in at_output):
        return ()
    if not any(term.at_encoder for term in others):
        return ()
    return tuple(term.name for term in at_output)


def _build_unheard_finding(names: tuple[str, ...], terms: Sequence[TermMeasure]) -> Finding:
    others_text = ", ".join(term.name for term in terms if not term.at_output and term.at_encoder)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        ("encoder",),
        f"the gradient of {', '.join(names)} is exactly 0 at the encoder, which hears {others_text}"
        " alone: what the decoder gets was looked up by the codes, and has no path back",
        evidence={term.name: term.at_encoder for term in terms},
        fix=Fix(
            "safe",
            "train through the quantised value that has the gradient of its input, not through the"
            " codes",
            code="quantised = z + (quantised - z).detach()",
        ),
        rank=8,
    )
