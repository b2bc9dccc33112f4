"""Another tensor is used.

**What it finds.** A layer that is handed another tensor than the reference hands it, or a sum with
another summand.

**What you hear.** It depends on the tensor: another voice where a wrong speaker vector is handed
on, no effect of the prompt where a condition is replaced, noise where a block reads its own input
instead of its neighbour's output.

**Why it happens.** A variable is overwritten too early or too late, two arguments are exchanged, or
two vectors of one length have names that look alike.

**Blind spots.** The shortest way to write a tensor need not be the code's own.

**How it is measured.** Both sides are written over the tensors at hand with the same join, and at
least one tensor differs that is no norm's. Or a layer takes a vector of at least eight values, and
the candidate hands it another vector at hand, cut to that length or filled up with zeros. Or a
recurrent layer of two directions, run with the weights of one direction in the other's place, gives
the candidate's output.

**Example.**

```python
# torch, wrong
speaker = projection(voice_embedding[:, :192])
# torch, right
speaker = projection(x_vector)
# MLX, wrong
h = block(x)
x = block(x)
# MLX, right
h = block(x)
x = block(h)
```

**Fix.** Use the tensor that the reference uses. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import directions, wiring
from auscult.explain.wiring_differences import WiringDifference, is_replacement
from auscult.weights import Array

CODE = "PAR031"
NAME = "wiring"
RANK = 28
SEARCHES = (wiring.SEARCH, directions.SEARCH)
EXTRA_COMPLEXITY = 2
"""With many tensors at hand, some other one fits more easily than a mistake that has a name of its own."""
MIN_VALUES = 8
"""Fewer values of a vector may agree by chance with the start of another.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another tensor of the same join, or another vector that was made to fit."""
    for difference in wiring.find_join_differences(case, floor):
        if not is_replacement(difference) or _has_other_cause(case, difference):
            continue
        message = (
            f"it uses {', '.join(difference.candidate.terms)} where the reference uses"
            f" {', '.join(difference.reference.terms)}"
        )
        yield difference.to_explanation(NAME, message, extra_complexity=EXTRA_COMPLEXITY)
    if (
        case.role.startswith("input")
        and case.candidate.dtype.kind == "f"
        and case.candidate.ndim == 2
    ):
        yield from _explain_other_vector(case, floor)
    directions_trial = directions.read_directions(case, floor)
    if directions_trial is not None:
        yield from directions_trial.iter_fitting(NAME)


def _has_other_cause(case: LayerCase, difference: WiringDifference) -> bool:
    return wiring.find_norm_change(case, difference) is not None


def _explain_other_vector(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A layer is handed another of the vectors at hand, cut or filled up with zeros until it fits.

    Models of speech know a speaker by several vectors, such as an x-vector of 192 values and a voice encoder's of 256.
    """
    tensors = {
        name: value
        for name, value in {**case.inputs, **case.context}.items()
        if value.dtype.kind == "f"
    }
    reference_limit = get_reference_limit(case)
    candidate_limit = get_candidate_limit(case, floor)
    reference_name = next(
        (
            name
            for name, value in tensors.items()
            if relative_error(value, case.reference) <= reference_limit
        ),
        None,
    )
    if reference_name is None:
        return
    width = case.candidate.shape[-1]
    for name, value in tensors.items():
        residual = _measure_cut_residual(to_float64(value), to_float64(case.candidate))
        if name == reference_name or residual > candidate_limit:
            continue
        change = "cut" if value.shape[-1] > width else "filled up"
        message = (
            f"it is handed {name} ({value.shape[-1]} values, {change}), the reference hands it"
            f" {reference_name}"
        )
        yield Explanation(
            NAME,
            {"reference": reference_name, "candidate": name},
            residual,
            message,
            fix=f"hand {reference_name} to it",
            complexity=0,  # exact agreement of so many values: no other mistake is as simple
        )


def _measure_cut_residual(value: Array, candidate: Array) -> float:
    """How far the candidate is from the start of a longer vector, or from a shorter one with zeros behind it."""
    size, target_size = value.shape[-1] if value.ndim else 0, candidate.shape[-1]
    if (
        value.ndim != candidate.ndim
        or value.shape[:-1] != candidate.shape[:-1]
        or size == target_size
        or min(size, target_size) < MIN_VALUES
    ):
        return float("inf")
    if size > target_size:
        fitted = value[..., :target_size]
    else:
        fitted = np.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, target_size - size)])
    return relative_error(candidate, fitted)
