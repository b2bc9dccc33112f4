"""A mask is not multiplied in: padding leaks.

**What it finds.** A tensor that the reference multiplies by a mask of zeros and ones, and the
candidate does not.

**What you hear.** Wrong or muddled content, worse for short prompts, because they have more
padding.

**Why it happens.** A tokenizer pads every prompt to one length, and the model was trained with the
embeddings of the padding set to zero. The mask changes no shape, so a port that leaves it out runs.

**Blind spots.** Inputs without padding show nothing: compare on a short prompt.

**How it is measured.** The reference's tensor is written as a product of two tensors at hand, one
of them a mask that is not all ones (or as a masked sum), and the candidate's as the same without
the mask. Both have to fit within the noise floor.

**Example.**

```python
# torch, wrong
h = embed(ids)
# torch, right
h = embed(ids) * mask[..., None]
# MLX, wrong
h = embed(ids)
# MLX, right
h = embed(ids) * mask[..., None]
```

**Fix.** Multiply by the mask as the reference does. Safety: lossy (equal within the number format).

**References.** Stability-AI/stable-audio-tools, conditioners.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import wiring

CODE = "PAR007"
NAME = "mask-not-applied"
RANK = 15
SEARCHES = (wiring.SEARCH,)
MASKED_JOINS = frozenset({("product", "one"), ("masked sum", "sum")})
"""How the reference joins its tensors, and how the candidate joins all but the mask."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A product of the reference that the candidate has without one of its tensors."""
    for difference in wiring.find_join_differences(case, floor):
        reference, candidate = difference.reference, difference.candidate
        missing = difference.missing_terms
        if (
            (reference.join, candidate.join) in MASKED_JOINS
            and not candidate.factors
            and len(missing) == 1
            and not difference.extra_terms
        ):
            yield difference.to_explanation(NAME, f"it does not multiply by {missing.pop()}")
