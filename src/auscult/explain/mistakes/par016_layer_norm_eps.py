"""A normalisation has another eps.

**What it finds.** Another eps, whatever its value, under the root or beside it.

**What you hear.** Nothing on loud material. On quiet passages, or where activations are small, the
gain is off.

**Why it happens.** The defaults differ: 1e-5 in torch and MLX, 1e-6 in many configurations, 1e-12
in BERT. Some formulas add eps to the deviation rather than to the variance.

**Blind spots.** Where the variance is far above eps the difference is below rounding, and is not
reported: it does no harm there.

**How it is measured.** The reference's convention is found first. Then the candidate's output is
computed with eight usual values of eps, and with the value between them that fits best, found by a
golden section over its logarithm. All but eps has to be the reference's.

**Example.**

```python
# torch, wrong
norm = nn.LayerNorm(512)
# torch, right
norm = nn.LayerNorm(512, eps=1e-12)
# MLX, wrong
norm = nn.LayerNorm(512)
# MLX, right
norm = nn.LayerNorm(512, eps=1e-12)
```

**Fix.** Take the reference's eps. Safety: lossy (equal within the number format).

**References.** torch.nn.LayerNorm; tensorflow LayerNormalization.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import norms

CODE = "PAR016"
NAME = "layer-norm-eps"
RANK = 23
SEARCHES = (norms.SEARCH,)
SUFFIXES = {True: " beside the root", False: ""}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same norm with another eps."""
    for difference in norms.find_norm_differences(case, floor):
        if difference.is_eps_only:
            candidate, reference = difference.candidate, difference.reference
            message = (
                f"its eps is {candidate.eps:.3g}{SUFFIXES[candidate.outside]}, the reference's"
                f" {reference.eps:.3g}{SUFFIXES[reference.outside]}"
            )
            yield difference.to_explanation(NAME, message)
