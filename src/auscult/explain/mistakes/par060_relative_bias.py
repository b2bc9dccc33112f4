"""The biases of content and position are exchanged or missing.

**What it finds.** In attention with relative positions, the bias `u` of the content term where `v`
of the position term belongs, or neither.

**What you hear.** Slightly wrong prosody, or unclear consonants.

**Why it happens.** Both have one shape. They are parameters of the attention itself rather than of
a layer inside it, and loaders that look at layers alone leave them out.

**Blind spots.** q, k, v and the projected positions have to be modules of their own.

**How it is measured.** Attention is computed from q, k, v, the projected positions and the two
biases with u and v in place, exchanged, and left out. One way gives the reference's output and
another the candidate's, all else being equal.

**Example.**

```python
# torch, wrong
scores = (q + v) @ k.mT + shift_relative((q + u) @ p.mT)
# torch, right
scores = (q + u) @ k.mT + shift_relative((q + v) @ p.mT)
# MLX, wrong
scores = (q + v) @ k.swapaxes(-1, -2) + shift_relative((q + u) @ p.swapaxes(-1, -2))
# MLX, right
scores = (q + u) @ k.swapaxes(-1, -2) + shift_relative((q + v) @ p.swapaxes(-1, -2))
```

**Fix.** Add each bias to its own term. Safety: lossy (equal within the number format).

**References.** Dai et al. 2019 (Transformer-XL).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import attention

CODE = "PAR060"
NAME = "relative-bias"
RANK = 18
SEARCHES = (attention.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same attention with its two biases in other places."""
    for difference in attention.find_attention_differences(case, floor):
        if difference.first_field == "biases":
            candidate, reference = difference.values
            message = (
                f"its biases of content and position are {candidate}, the reference's {reference}"
            )
            yield difference.to_explanation(NAME, message)
