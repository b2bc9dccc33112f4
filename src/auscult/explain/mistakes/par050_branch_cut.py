"""Angles differ by whole turns.

**What it finds.** Phases that differ by 2π at some elements, often at DC and Nyquist, where the
imaginary part is zero.

**What you hear.** Nothing, if only sine and cosine of the angle are used. Otherwise phase noise.

**Why it happens.** atan2(0, -x) is π and atan2(-0, -x) is -π. The sign of a zero hangs on the order
of a sum, so two FFTs disagree.

**Blind spots.** None known.

**How it is measured.** The reference's angles lie within 4π. At most half of the elements differ by
whole turns, and with these taken out both sides agree within eight noise floors (or 1e-5). It is
told how many of them lie within 0.01 of the cut at ±π.

**Example.**

```python
# torch, wrong
loss = (a.angle() - b.angle()).abs().mean()
# torch, right
loss = (torch.exp(1j * a.angle()) - torch.exp(1j * b.angle())).abs().mean()
# MLX, wrong
error = mx.abs(mx.arctan2(a_imag, a_real) - mx.arctan2(b_imag, b_real))
# MLX, right
angle = mx.arctan2(a_imag, a_real) - mx.arctan2(b_imag, b_real)
error = mx.abs(mx.arctan2(mx.sin(angle), mx.cos(angle)))
```

**Fix.** Compare cosine and sine, or wrap to (-π, π]. Safety: lossy (equal within the number
format).

**References.** IEEE 754-2019, atan2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import has_same_real_shape, relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.finding import Severity

CODE = "PAR050"
NAME = "branch-cut"
RANK = 30
SEVERITY = Severity.WARNING
WHOLE_TURN = 2 * np.pi
MAX_ANGLE = 4 * np.pi
"""Larger numbers are no angles of one atan2.

Chosen, not measured."""
MAX_WRAPPED_SHARE = 0.5
"""Share of the elements that may differ by whole turns.

Chosen, not measured."""
MAX_CUT_DISTANCE = 0.01
"""How near to the cut at ±π an angle lies that is counted there, in radians.

Chosen, not measured."""
RESIDUAL_FLOORS = 8.0
"""Noise floors that the angles may differ besides.

Chosen, not measured."""
MIN_ALLOWED_RESIDUAL = 1e-5
"""The same where the floor is lower.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Angles that differ by whole turns alone."""
    if not has_same_real_shape(case.reference, case.candidate):
        return
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    if not (np.isfinite(reference) & np.isfinite(candidate)).all():
        return
    turns = np.round((candidate - reference) / WHOLE_TURN)
    is_wrapped = turns != 0
    if (
        not is_wrapped.any()
        or is_wrapped.mean() > MAX_WRAPPED_SHARE
        or np.abs(reference).max() > MAX_ANGLE
    ):
        return
    residual = relative_error(reference + WHOLE_TURN * turns, candidate)
    if residual > max(RESIDUAL_FLOORS * floor, MIN_ALLOWED_RESIDUAL):
        return
    distances = np.abs(np.abs(reference[is_wrapped]) - np.pi)
    count, cut_share = int(is_wrapped.sum()), float(np.mean(distances < MAX_CUT_DISTANCE))
    message = (
        f"{count} of {reference.size} angles differ by whole turns ({cut_share:.0%} of them at the"
        " cut of atan2)"
    )
    yield Explanation(
        NAME,
        {"elements": count},
        residual,
        message,
        fix="compare cosine and sine, or wrap to (-π, π]",
    )
