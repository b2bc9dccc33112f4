"""A normalisation too many.

**What it finds.** A norm without parameters that only the candidate applies.

**What you hear.** Loudness that does not follow the input: every frame or every channel is brought
to one level.

**Why it happens.** A block was copied from a model that norms there. Without parameters the norm
asks for no weights, so loading does not object.

**Blind spots.** Norms with parameters are not tried where the reference has none: they lack
weights, which loading reports.

**How it is measured.** Both sides are written over the latest tensors, to which instance and layer
norms of them are added (also of them behind a leaky ReLU). The candidate's tensor is such a norm of
the reference's.

**Example.**

```python
# torch, wrong
x = F.layer_norm(conv(x), (64,))
# torch, right
x = conv(x)
# MLX, wrong
x = mx.fast.layer_norm(conv(x), None, None, 1e-5)
# MLX, right
x = conv(x)
```

**Fix.** Remove the norm. Safety: lossy (equal within the number format).

**References.** torch.nn.InstanceNorm1d.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import wiring

CODE = "PAR014"
NAME = "norm-extra"
RANK = 21
SEARCHES = (wiring.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A norm that only the candidate's expression has."""
    for difference in wiring.find_join_differences(case, floor):
        change = wiring.find_norm_change(case, difference)
        if change is not None and change.kind == "extra":
            message = f"it uses {change.candidate_term}, the reference {change.reference_term}"
            yield difference.to_explanation(NAME, message)
