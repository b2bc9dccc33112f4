"""Dropout is active.

**What it finds.** A share of the elements that is zero, while all others are 1/(1-p) times too
large.

**What you hear.** Roughness that differs from run to run.

**Why it happens.** `.eval()` was not called, or a functional dropout was written without its
`training` argument, which is true by default.

**Blind spots.** A dropout inside a fused layer is described, not named.

**How it is measured.** At least 16 elements are not zero in the reference; between 5 % and all but
one of them are kept. The factor of those kept is fitted. Its inverse has to be the share that is
kept, within four standard errors and 0.02, and the elements kept have to be the reference's times
that factor within eight noise floors.

**Example.**

```python
# torch, wrong
h = F.dropout(h, 0.1)
# torch, right
h = F.dropout(h, 0.1, training=self.training)
# MLX, wrong
model.train()
# MLX, right
model.eval()
```

**Fix.** Call `.eval()` before running. Safety: lossy (equal within the number format).

**References.** torch.nn.Dropout.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import has_same_real_shape, relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase

CODE = "PAR019"
NAME = "dropout-active"
RANK = 10
MIN_ELEMENTS = 16
"""Elements that are not zero in the reference.

Chosen, not measured."""
MIN_KEPT_SHARE = 0.05
"""A dropout that keeps fewer is not told from an accident.

Chosen, not measured."""
MAX_STANDARD_ERRORS = 4.0
"""How far the share that is kept may lie from the one that the factor stands for.

Chosen, not measured."""
MAX_SHARE_OFFSET = 0.02
"""Further slack of that share, for few elements.

Chosen, not measured."""
ALIVE_SHARE_OF_PEAK = 1e-6
"""Elements of the reference below this share of its largest count as zero.

Chosen, not measured."""
RESIDUAL_FLOORS = 8.0
"""Noise floors that the elements kept may lie from the reference's times the factor.

Chosen, not measured."""
MIN_ALLOWED_RESIDUAL = 1e-5
"""The same where the floor is lower.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Every element is zero, or the reference's divided by the share that is kept."""
    if not has_same_real_shape(case.reference, case.candidate):
        return
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    sizes = np.abs(reference)
    is_alive = sizes > ALIVE_SHARE_OF_PEAK * sizes.max(initial=0.0)
    is_zero = is_alive & (candidate == 0)
    is_kept = is_alive & ~is_zero
    count = int(is_alive.sum())
    if count < MIN_ELEMENTS:
        return
    share = float(is_kept.sum() / count)
    if not MIN_KEPT_SHARE < share < 1:
        return
    kept = reference[is_kept]
    factor = float(np.dot(candidate[is_kept], kept) / np.dot(kept, kept))
    if factor <= 1:
        return
    expected_share = 1 / factor  # inverted dropout divides by the share that it keeps
    spread = MAX_STANDARD_ERRORS * np.sqrt(share * (1 - share) / count) + MAX_SHARE_OFFSET
    residual = relative_error(np.where(is_zero, 0.0, factor * reference), candidate)
    if abs(expected_share - share) < spread and residual <= max(
        RESIDUAL_FLOORS * floor, MIN_ALLOWED_RESIDUAL
    ):
        message = (
            f"{1 - share:.0%} of its elements are zero and the rest {factor:.4g} times too large:"
            " dropout is active"
        )
        parameters = {"probability": round(1 - expected_share, 4)}
        yield Explanation(NAME, parameters, residual, message, fix="call .eval() before running")
