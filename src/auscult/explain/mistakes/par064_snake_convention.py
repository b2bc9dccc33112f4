"""Snake is computed with another form of its alpha.

**What it finds.** `x + sin²(alpha x) / alpha` with the exponential of alpha on one side alone, without the division, with alpha in
the place of beta, or with alpha along time.

**What you hear.** A metallic or dull voice; with alpha along time, a timbre that moves with the position.

**Why it happens.** BigVGAN stores the logarithm of alpha (`alpha_logscale`), DAC stores alpha itself, both under one name. SnakeBeta
has a second parameter for the size. Alpha is [1, channels, 1] in torch and [channels] in layouts with channels last.

**Blind spots.** Alpha has to be a parameter of the module at this place, and the reference live.

**How it is measured.** The module's input goes through each form, with each parameter of one value per channel as frequency and as
divisor, and its exponential. One form gives the reference's output and another the candidate's.

**Example.**

```python
# torch, wrong
y = x + torch.sin(alpha * x).square() / alpha
# torch, right
y = x + torch.sin(alpha.exp() * x).square() / alpha.exp()
# MLX, wrong
y = x + mx.square(mx.sin(alpha * x)) / alpha
# MLX, right
y = x + mx.square(mx.sin(mx.exp(alpha) * x)) / mx.exp(alpha)
```

**Fix.** Compute Snake as the reference does. Safety: lossy (equal within the number format).

**References.** Ziyin et al. 2020; NVIDIA/BigVGAN, activations.py; descriptinc/descript-audio-codec.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.weights import Array

CODE = "PAR064"
NAME = "snake-convention"
RANK = 22
MAX_PARAMETERS = 2
"""Parameters that a Snake has: alpha, and perhaps beta."""
DIVISOR_EPS = 1e-9
"""What implementations add to the divisor."""


@dataclass(frozen=True)
class SnakeForm:
    """x + sin²(frequency x) / divisor; of a divisor without a name it is 1.

    Attributes:
        axis: Along which the parameters lie.
    """

    frequency: str
    divisor: str
    exponential: bool
    axis: int

    @property
    def says(self) -> str:
        """The formula."""
        frequency, divisor = self.frequency, self.divisor
        if self.exponential:
            frequency, divisor = f"exp({frequency})", divisor and f"exp({divisor})"
        formula = f"x + sin²({frequency} x)"
        return f"{formula} / {divisor}" if divisor else formula


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """One form gives the reference's output, another the candidate's."""
    x = case.input
    if case.role != "output" or x is None or x.shape != case.reference.shape or x.ndim < 2:
        return
    parameters = {name: to_float64(value).reshape(-1) for name, value in case.weights.items()}
    if not 0 < len(parameters) <= MAX_PARAMETERS:
        return
    signal = to_float64(x)
    fits = _find_fitting(case.reference, signal, parameters, get_reference_limit(case))
    if not fits:
        return
    reference = min(fits, key=lambda form: fits[form])
    limit = get_candidate_limit(case, floor)
    for form, residual in _find_fitting(case.candidate, signal, parameters, limit).items():
        if form in fits:
            continue
        message = f"it computes {form.says}, the reference {reference.says}"
        if form.says == reference.says:
            message = (
                f"its parameters lie along axis {form.axis}, the reference's along {reference.axis}"
            )
        yield Explanation(
            NAME,
            {"reference": reference.says, "candidate": form.says},
            residual,
            message,
            fix=f"compute {reference.says} with parameters along axis {reference.axis}",
        )


def _find_fitting(
    target: Array, x: Array, parameters: Mapping[str, Array], limit: float
) -> dict[SnakeForm, float]:
    """Forms that give the target, each with its residual."""
    expected = to_float64(target)
    residual_by_form = {}
    forms = product(parameters, (*parameters, ""), (False, True), range(1, x.ndim))
    for form in (SnakeForm(*values) for values in forms):
        output = _compute_snake(form, x, parameters)
        if output is not None and (residual := relative_error(output, expected)) <= limit:
            residual_by_form[form] = residual
    return residual_by_form


def _compute_snake(form: SnakeForm, x: Array, parameters: Mapping[str, Array]) -> Array | None:
    frequency = _spread(parameters[form.frequency], form, x)
    if frequency is None:
        return None
    divisor: Array | None = np.ones(1)
    if form.divisor:
        divisor = _spread(parameters[form.divisor], form, x)
    if divisor is None:
        return None
    output: Array = x + np.sin(frequency * x) ** 2 / (divisor + DIVISOR_EPS)
    return output


def _spread(values: Array, form: SnakeForm, x: Array) -> Array | None:
    """A parameter along its axis, repeated where the axis is a whole number of times as long."""
    length = x.shape[form.axis]
    if not values.size or length % values.size:
        return None
    if form.exponential:
        values = np.exp(values)
    shape = [1] * x.ndim
    shape[form.axis] = length
    return np.tile(values, length // values.size).reshape(shape)
