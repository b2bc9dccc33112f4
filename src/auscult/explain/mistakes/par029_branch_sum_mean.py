"""Branches are summed instead of averaged, or the reverse.

**What it finds.** The sum of n branches in place of their mean, or the mean in place of the sum.

**What you hear.** Overdriven or too quiet, with the right content.

**Why it happens.** HiFi-GAN divides the sum of its residual blocks by their number, other vocoders
do not. The division is one line that leaves no tensor.

**Blind spots.** None known.

**How it is measured.** Both sides are written over the same branches at hand, one as their sum and
the other as their mean, or as one of these with a factor that is the number of branches within
1e-4.

**Example.**

```python
# torch, wrong
y = block_a(x) + block_b(x) + block_c(x)
# torch, right
y = (block_a(x) + block_b(x) + block_c(x)) / 3
# MLX, wrong
y = mx.stack([block_a(x), block_b(x), block_c(x)]).sum(0)
# MLX, right
y = mx.stack([block_a(x), block_b(x), block_c(x)]).mean(0)
```

**Fix.** Join the branches as the reference does. Safety: lossy (equal within the number format).

**References.** jik876/hifi-gan, models.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import wiring
from auscult.explain.wiring_differences import has_same_terms

CODE = "PAR029"
NAME = "branch-sum-mean"
RANK = 20
SEARCHES = (wiring.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same branches, summed on one side and averaged on the other."""
    for difference in wiring.find_join_differences(case, floor):
        reference, candidate = difference.reference, difference.candidate
        is_sum_for_mean = {reference.join, candidate.join} == {"sum", "mean"}
        if has_same_terms(difference) and (is_sum_for_mean or difference.has_branch_factor):
            message = (
                f"it takes the {candidate.join} of {len(reference.terms)} branches, the reference"
                f" the {reference.join}"
            )
            yield difference.to_explanation(NAME, message)
