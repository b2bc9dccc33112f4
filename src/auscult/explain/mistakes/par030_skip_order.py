"""Tensors are concatenated in another order.

**What it finds.** The same parts along an axis, in another order.

**What you hear.** Noise with a trace of the content: the next layer reads the wrong channels.

**Why it happens.** `[x, skip]` and `[skip, x]` have one shape where both have as many channels, and
nothing but the order in the code says which is right.

**Blind spots.** Equal parts cannot be told apart.

**How it is measured.** Both sides are written as a concatenation of the same tensors at hand, in
two orders. Where the parts are not at hand, the reference's tensor is cut into two, three or four
equal blocks along each axis, and the blocks put together in every other order. A recurrent layer of
two directions is run from its own weights with the backward half first.

**Example.**

```python
# torch, wrong
h = torch.cat([skip, x], dim=1)
# torch, right
h = torch.cat([x, skip], dim=1)
# MLX, wrong
h = mx.concatenate([skip, x], axis=-1)
# MLX, right
h = mx.concatenate([x, skip], axis=-1)
```

**Fix.** Concatenate in the reference's order. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import directions, wiring
from auscult.explain.searches.paddings import has_comparable_floats
from auscult.explain.wiring_differences import has_same_terms

CODE = "PAR030"
NAME = "skip-order"
RANK = 18
SEARCHES = (wiring.SEARCH, directions.SEARCH)
BLOCK_COUNTS = (2, 3, 4)
"""Into how many equal parts a tensor is cut where its parts are not at hand."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another order of tensors at hand, or of equal blocks."""
    for difference in wiring.find_join_differences(case, floor):
        reference, candidate = difference.reference, difference.candidate
        if reference.join == "concat" and candidate.join == "concat" and has_same_terms(difference):
            message = (
                f"it concatenates {', '.join(candidate.terms)}; the reference"
                f" {', '.join(reference.terms)}"
            )
            yield difference.to_explanation(NAME, message)
    if (
        has_comparable_floats(case)
        and case.reference.shape == case.candidate.shape
        and case.role.startswith("input")
    ):
        for axis in range(1, case.reference.ndim):
            for count in BLOCK_COUNTS:
                if case.reference.shape[axis] % count == 0:
                    yield from _explain_blocks(case, axis, count)
    directions_trial = directions.read_directions(case, floor)
    if directions_trial is not None:
        yield from directions_trial.iter_fitting(NAME)


def _explain_blocks(case: LayerCase, axis: int, count: int) -> Iterator[Explanation]:
    """Equal blocks along one axis, in every other order."""
    candidate = to_float64(case.candidate)
    blocks = np.split(to_float64(case.reference), count, axis)
    for order in permutations(range(count)):
        if order == tuple(range(count)):
            continue
        residual = relative_error(np.concatenate([blocks[i] for i in order], axis), candidate)
        message = f"it concatenates the {count} parts of axis {axis} in the order {list(order)}"
        yield Explanation(
            NAME,
            {"axis": axis, "order": order},
            residual,
            message,
            fix="concatenate in the reference's order",
            complexity=2,
        )
