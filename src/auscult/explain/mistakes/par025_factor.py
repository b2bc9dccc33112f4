"""A constant factor is missing, or too many.

**What it finds.** The same tensors with another factor: over all of them, or over each of two that
are added.

**What you hear.** Too loud or too quiet, or a wrong balance of two streams.

**Why it happens.** Embeddings are multiplied by sqrt(width), residuals by 1/sqrt(2), latents by a
constant of the configuration. Such a factor is one line of code and no weight.

**Blind spots.** A factor that was multiplied into the weights is seen in the weights.

**How it is measured.** Both sides are written over the same tensors at hand, with a factor that is
fitted by least squares. A factor within 1e-4 of a ratio of the numbers 1 to 8, or of its square
root, is taken as that ratio. Where only the two outputs are known, the candidate's has to be a
multiple of the reference's. The factor has to be the same in every slice along every axis, within a tenth of its distance
from 1: a gain that changes from frame to frame is another mistake.

**Example.**

```python
# torch, wrong
h = embed(ids)
# torch, right
h = embed(ids) * width**0.5
# MLX, wrong
h = embed(ids)
# MLX, right
h = embed(ids) * width**0.5
```

**Fix.** Multiply as the reference does. Safety: lossy (equal within the number format).

**References.** espnet, RelPositionalEncoding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import activations, wiring
from auscult.explain.wiring_differences import WiringDifference

CODE = "PAR025"
NAME = "factor"
RANK = 26
SEARCHES = (activations.SEARCH, wiring.SEARCH)
EXTRA_OUTPUT_COMPLEXITY = 4
"""Of a factor that is read from the two outputs alone: many mistakes look like one."""


MAX_FACTOR_SPREAD = 0.1
"""How far the factor of one slice may lie from that of the whole, as a share of its distance from 1.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Other factors of the same tensors, or of the output."""
    for difference in wiring.find_wiring_differences(case, floor):
        if (
            difference.has_same_wiring
            and difference.reference.factors != difference.candidate.factors
        ):
            yield _explain_summands(difference)
    for change in activations.find_function_changes(case, floor):
        if change.is_factor:
            yield change.to_explanation(NAME, _describe(change))
    for change in activations.find_added_functions(case, floor):
        if change.is_factor and _is_constant(case, change.candidate.constant or 1.0):
            yield change.to_explanation(
                NAME, _describe(change), extra_complexity=EXTRA_OUTPUT_COMPLEXITY
            )


def _explain_summands(difference: WiringDifference) -> Explanation:
    """Two tensors are added, each with its factor."""
    reference, candidate = difference.reference.says, difference.candidate.says
    return Explanation(
        NAME,
        difference.parameters,
        difference.candidate.error,
        f"it computes {candidate}, the reference {reference}",
        fix=f"compute {reference} here",
        complexity=2,
    )


def _is_constant(case: LayerCase, factor: float) -> bool:
    """Whether every slice along every axis has this factor."""
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    for axis, length in enumerate(reference.shape):
        if length < 2:
            continue
        other_axes = tuple(other for other in range(reference.ndim) if other != axis)
        power = np.sum(np.abs(reference) ** 2, axis=other_axes)
        factors = np.sum((reference.conj() * candidate).real, axis=other_axes)
        is_telling = power > np.mean(power) / 100
        spread = np.abs(factors[is_telling] / power[is_telling] - factor)
        if spread.size and spread.max() > MAX_FACTOR_SPREAD * abs(factor - 1):
            return False
    return True


def _describe(change: activations.FunctionChange) -> str:
    factor = (change.candidate.constant or 1.0) / (change.reference.constant or 1.0)
    return f"it multiplies by {factor:.6g} what the reference does not"
