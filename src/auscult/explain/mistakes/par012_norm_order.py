"""A norm stands at another place.

**What it finds.** A norm before instead of after a residual branch (pre-norm against post-norm), or
behind instead of before an activation.

**What you hear.** Levels that grow or shrink through the depth of the model; distortion or noise.

**Why it happens.** The first Transformer paper draws its norms behind the sum, most models trained
since put them before the branch. Both have the same weights.

**Blind spots.** The norm has to be a module, or a norm without parameters.

**How it is measured.** Both sides' tensors are written over the tensors at hand, to which the
outputs of neighbouring norms are added as if they were applied here. The two expressions differ in
one tensor, and one of the two is a norm's output that the other side uses before or after this
place. A norm that the candidate calls before the branch whose sum the reference norms is one too.
For norms written between modules, both sides have one and a leaky ReLU lies on the other
side of it.

**Example.**

```python
# torch, wrong
x = norm(x + attention(x))
# torch, right
x = x + attention(norm(x))
# MLX, wrong
x = norm(x + attention(x))
# MLX, right
x = x + attention(norm(x))
```

**Fix.** Put the norm where the reference has it. Safety: lossy (equal within the number format).

**References.** Xiong et al. 2020, On Layer Normalization in the Transformer Architecture.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import wiring

CODE = "PAR012"
NAME = "norm-order"
RANK = 19
SEARCHES = (wiring.SEARCH,)
OPPOSITES = {"before": "after", "after": "before"}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A norm that the other side applies before or after this place."""
    for difference in wiring.find_join_differences(case, floor):
        if wiring.is_norm_called_too_early(case, difference):
            summands = ", ".join(sorted(difference.missing_terms))
            message = f"it norms before {summands} is added, the reference after it"
            yield difference.to_explanation(NAME, message)
            continue
        change = wiring.find_norm_change(case, difference)
        if change is None or change.kind not in OPPOSITES:
            continue
        if change.norm is None:
            message = (
                f"it computes {change.candidate_term}, the reference {change.reference_term} and"
                " the activation after it"
            )
        else:
            message = (
                f"it applies {change.norm} {change.kind} this place; the reference"
                f" {OPPOSITES[change.kind]} it"
            )
        yield difference.to_explanation(NAME, message)
