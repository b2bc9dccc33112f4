"""The sinusoids of positions are made by another formula.

**What it finds.** A table of positions whose sines and cosines lie interleaved on one side and in halves on the other, in the other
order, or with frequencies that reach to the last base or stop one step before.

**What you hear.** Words in a wrong order, repetition, mumbling: the model does not know where it is.

**Why it happens.** Vaswani et al. interleave sines and cosines, tensor2tensor and fairseq put them in halves, and divide by half - 1.
All these tables have one shape, and most are computed, not loaded.

**Blind spots.** A table that the reference holds as a learned weight is not this mistake.

**How it is measured.** The tensor, or it less one that was known before, is a table of sinusoids from position 0, 1 or -1 on, times a
number: on the reference's side by one formula, on the candidate's by another. Both axes are tried as time.

**Example.**

```python
# torch, wrong
table = torch.cat([angles.sin(), angles.cos()], -1)
# torch, right
table = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)
# MLX, wrong
table = mx.concatenate([mx.sin(angles), mx.cos(angles)], -1)
# MLX, right
table = mx.stack([mx.sin(angles), mx.cos(angles)], -1).reshape(angles.shape[0], -1)
```

**Fix.** Make the table by the reference's formula. Safety: lossy (equal within the number format).

**References.** Vaswani et al. 2017, section 3.5; tensor2tensor, get_timing_signal_1d.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.algebra.positions import PositionTable, iter_sinusoids
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.weights import Array

CODE = "PAR065"
NAME = "position-sinusoids"
RANK = 20
FIRST_POSITIONS = (0, 1, -1)
MAX_SUMMED_TENSORS = 3
"""The latest tensors of the context that a table may have been added to.

Chosen, not measured."""
MIN_FRAMES = 4
"""Rows of a table; fewer may be the features of a few numbers.

Chosen, not measured."""
SCREENED_FRAMES = 8
"""Rows on which a table is tried before all are.

Chosen, not measured."""
SCREENING_SLACK = 3.0
"""Limits that the error of these rows may have: they may be worse than the whole.

Chosen, not measured."""
MAX_MAGNITUDE = 1.001
"""Largest value of a sine, with what rounding adds.

Chosen, not measured."""
ORDER_TEXTS = {
    "sin-cos": "sines before cosines",
    "cos-sin": "cosines before sines",
    "interleaved": "sines and cosines interleaved",
}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A known tensor, or none, plus a table: by one formula on either side."""
    shape = case.reference.shape
    if (
        shape != case.candidate.shape
        or len(shape) not in (2, 3)
        or case.reference.dtype.kind != "f"
    ):
        return
    limits = get_reference_limit(case), get_candidate_limit(case, floor)
    for summand in _iter_summands(case):
        reference = _find_table(case.reference, summand, limits[0])
        if reference is None:
            continue
        candidate = _find_table(case.candidate, summand, limits[1])
        if candidate is None or candidate[0][:2] == reference[0][:2]:
            continue  # another first position alone has a cause of its own
        texts = [_describe_formula(formula) for formula, _ in (candidate, reference)]
        yield Explanation(
            NAME,
            {"reference": list(reference[0]), "candidate": list(candidate[0])},
            candidate[1],
            f"its positions are {texts[0]}, the reference's {texts[1]}",
            fix=f"make the table of positions with {texts[1]}",
        )


def _iter_summands(case: LayerCase) -> Iterator[Array]:
    """What the table may have been added to: nothing, what the module took, or what was known before."""
    yield np.zeros(case.reference.shape)
    known = [*case.inputs.values(), *list(case.context.values())[-MAX_SUMMED_TENSORS:]]
    for tensor in known:
        if tensor.shape == case.reference.shape and tensor.dtype.kind == "f":
            yield to_float64(tensor)


def _find_table(
    target: Array, summand: Array, limit: float
) -> tuple[tuple[str, int, int], float] | None:
    """Order, shift and first position of the table that gives the target, with the residual."""
    expected = to_float64(target)
    table_values = expected - summand
    size = float(np.linalg.norm(expected))
    if not size or float(np.abs(table_values).max()) > MAX_MAGNITUDE:
        return None
    for turned in (table_values, table_values.swapaxes(-1, -2)):
        rows = turned.reshape(-1, *turned.shape[-2:])
        frames, width = rows.shape[1:]
        if frames < MIN_FRAMES:
            continue
        few = rows[:, :SCREENED_FRAMES]
        for table, short_table in zip(
            iter_sinusoids(frames, width), iter_sinusoids(few.shape[1], width), strict=True
        ):
            for first in FIRST_POSITIONS:
                screened = _measure_misfit(short_table, first, few) * float(np.linalg.norm(few))
                if screened > SCREENING_SLACK * limit * size:
                    continue
                residual = _measure_misfit(table, first, rows) * float(np.linalg.norm(rows)) / size
                if residual <= limit:
                    return (table.order, table.shift, first), residual
    return None


def _measure_misfit(table: PositionTable, first: int, rows: Array) -> float:
    """Error of the table against rows [batch, frames, width]."""
    made = table(first)
    if made is None:
        return float("inf")
    return relative_error(np.broadcast_to(made, rows.shape), rows)


def _describe_formula(formula: tuple[str, int, int]) -> str:
    order, shift, first = formula
    exponent = "i / (half - 1)" if shift else "i / half"
    return f"{ORDER_TEXTS[order]}, exponent {exponent}, from {first}"
