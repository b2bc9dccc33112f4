"""Ids are shifted by a constant.

**What it finds.** Integer ids, such as text or codec tokens, that differ from the reference's by
one number everywhere.

**What you hear.** Babble: every token is another one, in the right rhythm.

**Why it happens.** One side counts its special tokens as part of the vocabulary, or the ids of each
language or codebook are offset by the size of those before it. The embedding has room for the
shifted ids, so nothing fails.

**Blind spots.** Ids that differ in no regular way are not explained.

**How it is measured.** Both tensors are integers of one shape, and their difference is the same
number at every element, not zero. Ids that rise by one from element to element are positions, and
are called `position-offset`.

**Example.**

```python
# torch, wrong
codes = codebook_index
# torch, right
codes = codebook_index + special_token_count
# MLX, wrong
codes = codebook_index
# MLX, right
codes = codebook_index + special_token_count
```

**Fix.** Count ids from where the reference does. Safety: lossy (equal within the number format).

**References.** torch.nn.Embedding.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import ids

CODE = "PAR005"
NAME = "ids-differ"
RANK = 13
SEARCHES = (ids.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Every id is the reference's plus one number, and they are no positions."""
    shift = ids.find_constant_shift(case, floor)
    if shift is not None and not shift.is_rising:
        message = f"its ids are the reference's {shift.by:+d}"
        yield Explanation(NAME, {"offset": shift.by}, 0.0, message, fix=f"count from {shift.first}")
