"""Attention scores have another scale.

**What it finds.** Scores multiplied by 1, 1/sqrt(model width) or 1/head width where the reference
has 1/sqrt(head width), or any other pair of these.

**What you hear.** Flat or unstable prosody: attention looks at too much or at too little.

**Why it happens.** Most models divide by the square root of the head width. T5 does not divide at
all, some fold the scale into the weights, and `scaled_dot_product_attention` applies it by itself,
so that it is easily applied twice.

**Blind spots.** A temperature that is learned is not among the scales that are tried.

**How it is measured.** Attention is computed from the q, k and v at hand under each of the four
scales, with every mask and rotation. One scale gives the reference's output and another the
candidate's, all else being equal.

**Example.**

```python
# torch, wrong
y = F.scaled_dot_product_attention(q, k, v, scale=1.0)
# torch, right
y = F.scaled_dot_product_attention(q, k, v, scale=q.shape[-1] ** -0.5)
# MLX, wrong
y = mx.fast.scaled_dot_product_attention(q, k, v, scale=1.0)
# MLX, right
y = mx.fast.scaled_dot_product_attention(q, k, v, scale=q.shape[-1] ** -0.5)
```

**Fix.** Scale the scores as the reference does. Safety: lossy (equal within the number format).

**References.** Vaswani et al. 2017; Raffel et al. 2020 (T5).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import attention

CODE = "PAR009"
NAME = "attention-scale"
RANK = 17
SEARCHES = (attention.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same heads with another scale of the scores."""
    for difference in attention.find_attention_differences(case, floor):
        if difference.first_field == "scale":
            candidate, reference = difference.values
            message = f"it scales the scores by {candidate}, the reference by {reference}"
            yield difference.to_explanation(NAME, message)
