"""A running sum loses precision.

**What it finds.** A cumulative sum, such as the phase of an oscillator, that is kept in a coarser
format.

**What you hear.** Pitch that goes off, and roughness that grows with time.

**Why it happens.** float16 has 11 bits. After a few hundred cycles the steps of a phase that is not
wrapped are larger than what is added. In float32 the same happens after minutes.

**Blind spots.** Sums modulo other numbers than 1 and 2π.

**How it is measured.** A tensor at hand, summed up along an axis (with a factor, or modulo 1 or
2π), gives the reference's. The same sum in float16, bfloat16 or float32, rounded at each step or
only at the end, gives the candidate's.

**Example.**

```python
# torch, wrong
phase = torch.cumsum(f0.half() / rate, dim=-1)
# torch, right
phase = torch.cumsum(f0.double() / rate, dim=-1) % 1
# MLX, wrong
phase = mx.cumsum(f0.astype(mx.float16) / rate, axis=-1)
# MLX, right
phase = mx.cumsum(f0.astype(mx.float32) / rate % 1, axis=-1) % 1
```

**Fix.** Sum in float64, or wrap at each step. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from auscult.explain.algebra.nearness import has_same_real_shape, relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_reference_limit
from auscult.weights import Array

CODE = "PAR049"
NAME = "precision-drift"
RANK = 19
COARSE_DTYPES = (np.float16, ml_dtypes.bfloat16, np.float32)
WRAP_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "": lambda y: y,
    " modulo 1": lambda y: np.mod(y, 1.0),
    " modulo 2π": lambda y: np.mod(y, 2 * np.pi),
}
MAX_SUMMED_TENSORS = 3
"""The latest tensors of the context that may have been summed up.

Chosen, not measured."""
MIN_ALLOWED_RESIDUAL = 1e-4
"""Relative error within which a sum is the reference's: it may be a float32 sum itself.

Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class RunningSum:
    """The reference's tensor as a cumulative sum of a tensor at hand.

    Attributes:
        name: Of the tensor.
        addends: It, times the factor of an unwrapped sum.
        wrap: Name of the function over the sum.
    """

    name: str
    addends: Array
    axis: int
    wrap: str

    def compute_in(self, dtype: type) -> tuple[Array, Array]:
        """The sum rounded at each step, and the sum rounded only at the end."""
        rows: Array = np.moveaxis(self.addends.astype(dtype), self.axis, 0)
        total = rows[0]
        totals = [total]
        for row in rows[1:]:
            total = (total + row).astype(dtype)
            totals.append(total)
        rounded_once: Array = np.cumsum(rows.astype(np.float64), 0).astype(dtype)
        return self._finish(np.stack(totals)), self._finish(rounded_once)

    def _finish(self, rows: Array) -> Array:
        return WRAP_FUNCTIONS[self.wrap](np.moveaxis(rows, 0, self.axis).astype(np.float64))


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:  # noqa: ARG001 - one signature for all
    """The reference's cumulative sum, in each coarser format."""
    if not has_same_real_shape(case.reference, case.candidate):
        return
    candidate = to_float64(case.candidate)
    for total in _find_running_sums(case):
        for dtype in COARSE_DTYPES:
            residual = min(relative_error(rows, candidate) for rows in total.compute_in(dtype))
            name = np.dtype(dtype).name
            message = (
                f"it keeps the running sum of {total.name}{total.wrap} in {name}: the error grows"
                " with time"
            )
            yield Explanation(
                NAME,
                {"candidate": name},
                residual,
                message,
                fix="sum in float64 or wrap at each step",
            )


def _find_running_sums(case: LayerCase) -> Iterator[RunningSum]:
    reference = to_float64(case.reference)
    limit = max(get_reference_limit(case), MIN_ALLOWED_RESIDUAL)
    tensors = [*case.inputs.items(), *list(case.context.items())[-MAX_SUMMED_TENSORS:]]
    for name, value in tensors:
        if value.shape != reference.shape or value.dtype.kind not in "fV":
            continue
        x = to_float64(value)
        for axis in range(1, reference.ndim):
            total = np.cumsum(x, axis)
            for wrap, function in WRAP_FUNCTIONS.items():
                factor = 1.0 if wrap else _fit_factor(total, reference)
                if (
                    factor is not None
                    and relative_error(function(factor * total), reference) <= limit
                ):
                    yield RunningSum(name, x * factor, axis, wrap)


def _fit_factor(total: Array, reference: Array) -> float | None:
    power = float(np.sum(total**2))
    if power:
        return float(np.sum(total * reference)) / power
    return None
