"""A branch is not added.

**What it finds.** A sum or mean of branches that lacks some of them, or a concatenation that has
zeros in place of a part.

**What you hear.** Thin or dull sound.

**Why it happens.** A loop over branches ends one too early, a condition leaves a branch out, or
zeros that were meant as a placeholder stayed in a concatenation.

**Blind spots.** None known.

**How it is measured.** The reference's tensor is a sum or mean of at least three tensors at hand,
and the candidate's is one of fewer. Or the candidate's tensor is the reference's with a run of
neighbouring channels set to zero, and a tensor at hand, perhaps padded, is what the reference has
there.

**Example.**

```python
# torch, wrong
y = sum(block(x) for block in blocks[:-1])
# torch, right
y = sum(block(x) for block in blocks)
# MLX, wrong
h = mx.concatenate([x, mx.zeros_like(condition)], axis=-1)
# MLX, right
h = mx.concatenate([x, condition], axis=-1)
```

**Fix.** Add the missing branch. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_reference_limit
from auscult.explain.searches import wiring
from auscult.explain.searches.paddings import has_comparable_floats, iter_paddings
from auscult.explain.wiring_differences import is_residual_sum, lacks_summands
from auscult.weights import Array

CODE = "PAR028"
NAME = "branch-missing"
RANK = 20
SEARCHES = (wiring.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Fewer summands, or zeros in place of a part."""
    for difference in wiring.find_join_differences(case, floor):
        if lacks_summands(difference) and not is_residual_sum(difference.reference):
            names = ", ".join(sorted(difference.missing_terms))
            yield difference.to_explanation(NAME, f"it does not add {names}")
    if (
        has_comparable_floats(case)
        and case.reference.shape == case.candidate.shape
        and case.role.startswith("input")
    ):
        yield from _explain_zeroed_part(case)


def _explain_zeroed_part(case: LayerCase) -> Iterator[Explanation]:
    """A part of a concatenation, one that is known, is zero in the candidate."""
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    for axis in range(1, reference.ndim):
        lost = _find_lost_run(reference, candidate, axis)
        if lost is None:
            continue
        blanked = np.moveaxis(reference, axis, 1).copy()
        lost_part = blanked[:, lost].copy()
        blanked[:, lost] = 0
        name = _find_part(case, lost_part)
        if name is not None:
            message = (
                f"it concatenates zeros in place of {name} (axis {axis}, {lost[0]} to {lost[-1]})"
            )
            yield Explanation(
                NAME,
                {"lost": name},
                relative_error(np.moveaxis(blanked, 1, axis), candidate),
                message,
                fix=f"concatenate {name} here",
            )


def _find_lost_run(reference: Array, candidate: Array, axis: int) -> Array | None:
    """Neighbouring channels that are zero in the candidate alone; None where it is none, all, or a run with gaps."""
    other_axes = tuple(a for a in range(reference.ndim) if a != axis)
    lost = np.flatnonzero(reference.any(other_axes) & ~candidate.any(other_axes))
    if 0 < len(lost) < reference.shape[axis] and lost[-1] - lost[0] < len(lost):
        return lost
    return None


def _find_part(case: LayerCase, part: Array) -> str | None:
    """The tensor of the context that is that part, perhaps padded."""
    limit = get_reference_limit(case)
    for name, value in case.context.items():
        is_fitting = value.ndim == part.ndim and value.dtype.kind == "f"
        if is_fitting and any(iter_paddings(part, to_float64(value), limit)):
            return name
    return None
