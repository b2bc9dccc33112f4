"""Attention sees other positions.

**What it finds.** A mask of the scores that is inverted, causal where it should be full, or added
as numbers where it says yes or no; a causal mask that counts the queries of a later chunk from the
first key.

**What you hear.** Mumbling, repetition, no ending. Where a row of the mask allows no position at
all: NaN, and silence.

**Why it happens.** Frameworks disagree on what true means. In `torch.nn.MultiheadAttention` it
means "leave out", in `scaled_dot_product_attention` "attend", and other code adds numbers to the
scores. All three have one shape.

**Blind spots.** Inputs without padding hide a mask that is left out.

**How it is measured.** Attention is computed from the q, k and v at hand with no mask, a causal
one, a causal one the other way round, and with every mask at hand read in three ways: true attends,
true does not, added as numbers. One reading gives the reference's output and another the
candidate's, each within its limit.

**Example.**

```python
# torch, wrong
y = F.scaled_dot_product_attention(q, k, v, attn_mask=is_padding)
# torch, right
y = F.scaled_dot_product_attention(q, k, v, attn_mask=~is_padding)
# MLX, wrong
y = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=is_padding)
# MLX, right
y = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mx.logical_not(is_padding))
```

**Fix.** Read the mask as the reference does. Safety: lossy (equal within the number format).

**References.** torch.nn.functional.scaled_dot_product_attention;
mlx.core.fast.scaled_dot_product_attention.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import attention

CODE = "PAR008"
NAME = "attention-mask"
RANK = 16
EXPLAINS_NON_FINITE = True
SEARCHES = (attention.SEARCH,)
MASK_USES = {
    "keep": "attended where true",
    "drop": "attended where false",
    "add": "added as numbers",
}

MASK_TEXTS = {"causal-start": "causal from the first key on, with fewer queries than keys"}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same heads and scale under another mask.

    A query that may attend to nothing gives NaN. Where nothing but NaN is left, no mask shows.
    """
    if not np.isfinite(to_float64(case.candidate)).any():
        return
    for difference in attention.find_attention_differences(case, floor):
        if difference.first_field == "mask":
            candidate, reference = (_describe_mask(mask) for mask in difference.values)
            yield difference.to_explanation(
                NAME, f"its mask is {candidate}, the reference's {reference}"
            )


def _describe_mask(name: str) -> str:
    kind, _, source = name.partition(":")
    if kind in MASK_USES:
        return f"{source} {MASK_USES[kind]}"
    return MASK_TEXTS.get(kind, kind)
