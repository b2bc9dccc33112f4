"""Sines and cosines are in another order.

**What it finds.** Features of the time with sines first, cosines first, or the two in turn, one in
place of another.

**What you hear.** The sampler works as if at a wrong time: noise or mush.

**Why it happens.** The first Transformer puts sines and cosines in turn, most code since puts all
sines first, Stable Audio and others all cosines. The layer behind has learned one order.

**Blind spots.** None known.

**How it is measured.** The features are computed from each small tensor at hand in every order,
with every factor and spacing. One order gives the reference's features and another the candidate's.

**Example.**

```python
# torch, wrong
h = torch.cat([angles.sin(), angles.cos()], dim=-1)
# torch, right
h = torch.cat([angles.cos(), angles.sin()], dim=-1)
# MLX, wrong
h = mx.concatenate([mx.sin(angles), mx.cos(angles)], axis=-1)
# MLX, right
h = mx.concatenate([mx.cos(angles), mx.sin(angles)], axis=-1)
```

**Fix.** Put sines and cosines in the reference's order. Safety: lossy (equal within the number
format).

**References.** Vaswani et al. 2017; Stability-AI/stable-audio-tools.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import number_features

CODE = "PAR039"
NAME = "time-embedding-order"
RANK = 14
SEARCHES = (number_features.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another order of the sines and cosines of a time."""
    for difference in number_features.find_feature_differences(case, floor):
        if not difference.has_number and "order" in difference.unequal:
            yield difference.to_explanation(NAME, complexity=len(difference.unequal))
