"""One loss term's gradient dwarfs all others: they might as well not be there.

**What it finds.** Several terms that look at the output, of which one has more than 99.999 % of the
gradient there, at the start and after the steps.

**What you hear.** What that one term asks for, and nothing of the others: a mel loss without a
waveform, a waveform without highs.

**Why it happens.** Weights copied from a loss with another scale (a sum for a mean, a power for a
magnitude), a log of a very quiet output.

**Example.** Wrong and right:

```python
loss = stft_loss.sum() + 45 * mel_loss.mean()   # wrong: a sum beside a mean
loss = stft_loss.mean() + 45 * mel_loss.mean()  # right
```

**Blind spots.** Terms on the latents and codes are not compared. At the very start a log spectrum
of a near-silent output has a huge gradient, which is why both times must agree.

**How it is measured.** Norm of each weighted term's gradient at the output waveform, over their
sum: `MAX_SHARE` = 0.99999. Healthy trainers gave up to 0.99992 at the start and 0.97 after 24
steps.

**Fix.** Balance by gradients, as EnCodec's balancer does, or set weights from the shares shown.
Safety: guess.

**References.** Défossez et al. (arXiv 2210.13438), section 3.4, loss balancer.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN012"
NAME = "loss-imbalance"
REQUIRES = PreflightSubject
MAX_SHARE = 0.99999
"""Of the gradient at the output, at the start and after the steps.

Measured on healthy trainers: up to 0.99992 at the start and 0.97 after 24 steps. Margin: 8 in what
is left to the others at the start.
"""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    terms = [term for term in subject.measured.terms if term.share is not None]
    if len(terms) < 2:
        return
    largest_term = max(terms, key=lambda term: term.share or 0.0)
    share_before, share_after = (
        largest_term.share or 0.0,
        largest_term.share if largest_term.share_after is None else largest_term.share_after,
    )
    if min(share_before, share_after or 0.0) < MAX_SHARE:
        return
    others_text = ", ".join(
        f"{term.name} {term.share:.1e}" for term in terms if term is not largest_term
    )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (largest_term.name,),
        f"`{largest_term.name}` has {share_before:.4%} of the gradient at the output "
        f"({share_after:.4%} after the steps); the others: {others_text}",
        evidence={term.name: [term.share, term.share_after] for term in terms},
        rank=30,
    )
