"""Heads are split otherwise.

**What it finds.** Another number of heads over the same projections; and, where there are fewer heads of keys and values than of
queries, the wrong queries to each of them.

**What you hear.** Garbled content: every head attends by a mix of what two heads have learned.

**Why it happens.** The projections of 4 heads of 128 and of 8 heads of 64 have the same shape. The
number of heads is in the configuration, not in the weights, and a wrong default loads. Grouped queries
are neighbours in most models (`repeat_interleave`); `repeat` and `tile` give the heads out in turn.

**Blind spots.** q, k and v have to be modules of their own, or one fused module.

**How it is measured.** Attention is computed from the q, k and v at hand with 1, 2, 4, 8 and 16
heads, as far as the width can be divided, and with grouped queries as neighbours or in turn. One
reading gives the reference's output and another the candidate's.

**Example.**

```python
# torch, wrong
q = q.view(batch, time, 4, 128).transpose(1, 2)
# torch, right
q = q.view(batch, time, 8, 64).transpose(1, 2)
# MLX, wrong
q = q.reshape(batch, time, 4, 128).transpose(0, 2, 1, 3)
# MLX, right
q = q.reshape(batch, time, 8, 64).transpose(0, 2, 1, 3)
```

**Fix.** Take the reference's number of heads. Safety: lossy (equal within the number format).

**References.** Vaswani et al. 2017.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import attention

CODE = "PAR010"
NAME = "attention-heads"
RANK = 17
SEARCHES = (attention.SEARCH,)
GROUPING_TEXTS = {
    "neighbours": "neighbouring queries' heads",
    "tiled": "every so many-th queries' head",
}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same projections, split into another number of heads."""
    for difference in attention.find_attention_differences(case, floor):
        if difference.first_field == "heads":
            candidate, reference = difference.values
            message = f"it splits into {candidate} heads, the reference into {reference}"
            yield difference.to_explanation(NAME, message)
        elif difference.first_field == "grouping":
            candidate, reference = (GROUPING_TEXTS[grouping] for grouping in difference.values)
            message = f"it gives each head of keys and values to {candidate}, the reference to {reference}"
            yield difference.to_explanation(NAME, message)
