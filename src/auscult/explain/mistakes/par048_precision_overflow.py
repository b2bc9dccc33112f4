"""A number is too large for its format.

**What it finds.** Elements that are infinite, NaN or at 65504, where the reference has a larger
number.

**What you hear.** Clicks, dropouts, or silence from the first such frame on.

**Why it happens.** float16 ends at 65504. Squares, exponentials, sums over long sequences and Snake
get there, although input and output of the layer are small.

**Blind spots.** An overflow inside a fused layer is described, not reproduced.

**How it is measured.** Elements are counted that are not finite in the candidate but in the
reference, or that lie at 65504 and beyond where the reference is larger. If the reference exceeds
65504 there, and all other elements agree within eight noise floors (or 4e-3), the overflow is
reproduced; otherwise it is only described.

**Example.**

```python
# torch, wrong
power = x.half().square().sum(-1)
# torch, right
power = x.float().square().sum(-1)
# MLX, wrong
power = mx.square(x.astype(mx.float16)).sum(-1)
# MLX, right
power = mx.square(x.astype(mx.float32)).sum(-1)
```

**Fix.** Compute this layer in float32. Safety: lossy (equal within the number format).

**References.** IEEE 754-2019.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import has_same_real_shape, relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase

CODE = "PAR048"
NAME = "precision-overflow"
RANK = 11
EXPLAINS_NON_FINITE = True
HALF_MAX = 65504.0
"""The largest number of float16."""
CAPPED_RATIO = 1.0001
"""How much larger the reference's magnitude has to be for an element at the limit to count as capped.

Chosen, not measured."""
REST_FLOORS = 8.0
"""Noise floors that the elements without overflow may lie off.

Chosen, not measured."""
MIN_ALLOWED_REST = 4e-3
"""The same where the floor is lower: the rounding of a few steps in float16.

Chosen, not measured."""
RECIPROCAL_NAME = re.compile(r"(^|[._])(alpha|beta)$")
"""Weights of Snake and SnakeBeta, which divide by them."""
RECIPROCAL_EPS = 1e-9
"""What their code adds first (descript-audio-codec, BigVGAN)."""
FIX = "compute this layer in float32"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Elements that are lost or capped."""
    if not has_same_real_shape(case.reference, case.candidate):
        return
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    is_lost = ~np.isfinite(candidate) & np.isfinite(reference)
    is_capped = (
        np.isfinite(candidate)
        & np.isfinite(reference)
        & (np.abs(candidate) >= HALF_MAX)
        & (np.abs(reference) > CAPPED_RATIO * np.abs(candidate))
    )
    is_over = is_lost | is_capped
    if not is_over.any():
        return
    largest = float(np.abs(reference[is_over]).max())
    count = int(is_over.sum())
    rest_error = relative_error(candidate[~is_over], reference[~is_over])
    if largest > HALF_MAX and rest_error <= max(REST_FLOORS * floor, MIN_ALLOWED_REST):
        message = (
            f"{count} elements overflow: the reference has up to {largest:.4g} there, float16 ends"
            " at 65504"
        )
        yield Explanation(NAME, {"elements": count}, 0.0, message, fix=FIX)
    elif is_lost.any():
        message = (
            f"{count} elements are not finite where the reference has at most {largest:.4g}:"
            f" {_name_operation(case)}"
        )
        yield Explanation(NAME, {"elements": count}, says=message, fix=FIX, reproduced=False)


def _name_operation(case: LayerCase) -> str:
    """What overflows: the reciprocal of a weight that Snake divides by, where that is infinite in float16."""
    for name, weight in case.weights.items():
        values = to_float64(weight)
        if not RECIPROCAL_NAME.search(name) or not values.size:
            continue
        infinite = int(np.sum(1.0 / (np.abs(values) + RECIPROCAL_EPS) > HALF_MAX))
        if infinite:
            return f"1 / ({name} + {RECIPROCAL_EPS:g}) is infinite in float16 for {infinite} of its {values.size} values"
    return "a product inside overflows"
