"""Positions are counted from another start.

**What it finds.** Position ids, a sinusoidal or learned table of positions, or a rotation of
queries, that starts elsewhere.

**What you hear.** Slurred or drifting speech. With streaming, the start of every chunk is wrong.

**Why it happens.** A padding index takes the first row of the table, cached keys are not counted,
or a prefix is counted on one side only. A table is a constant, so a shifted one loads and runs.

**Blind spots.** An offset that rotated queries and keys have in common changes nothing, and is not
seen.

**How it is measured.** Five readings are tried. Ids that rise by one are shifted by a number. A
tensor at hand plus a table (sinusoids in three orders, or one among the weights) gives the
reference's from one first row out of 0, 1, -1 and 2, and the candidate's from another. Where the
sum alone is known, the reference's rows of an embedding are replaced by those up to two rows
further. Behind the attention, the queries' rotation is one position ahead; before it, heads are
rotated from position 0 or 1.

**Example.**

```python
# torch, wrong
positions = torch.arange(1, x.shape[1] + 1)
# torch, right
positions = torch.arange(x.shape[1])
# MLX, wrong
q = mx.fast.rope(q, 64, traditional=False, base=10000.0, scale=1.0, offset=0)
# MLX, right
q = mx.fast.rope(q, 64, traditional=False, base=10000.0, scale=1.0, offset=cache_length)
```

**Fix.** Count positions from where the reference does. Safety: lossy (equal within the number
format).

**References.** Su et al. 2021, RoFormer.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.algebra.positions import PositionTable, iter_position_tables
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import attention, ids
from auscult.weights import Array

CODE = "PAR006"
NAME = "position-offset"
RANK = 20
SEARCHES = (attention.SEARCH, ids.SEARCH)
FIRST_ROWS = (0, 1, -1, 2)
"""Rows at which a table of positions may begin."""
ROW_SHIFTS = (1, -1, 2, -2)
"""By how many rows a table may be taken further than the reference takes it, where only the sum is known."""
MAX_SUMMED_TENSORS = 3
"""The latest tensors of the context that a table may have been added to.

Chosen, not measured."""
MAX_ROW_ERROR = 1e-6
"""Relative error of the rows of an embedding against those of its table.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Positions as ids, as rows of a table, or as a rotation."""
    yield from _explain_ids(case, floor)
    yield from _explain_attention(case, floor)
    if case.reference.shape == case.candidate.shape and case.reference.ndim == 3:
        if case.reference.dtype.kind == "f":
            yield from _explain_tables(case, floor)
        yield from _explain_folded_rows(case)


def _explain_ids(case: LayerCase, floor: float) -> Iterator[Explanation]:
    shift = ids.find_constant_shift(case, floor)
    if shift is not None and shift.is_rising:
        message = f"its positions are the reference's {shift.by:+d}"
        yield Explanation(NAME, {"offset": shift.by}, 0.0, message, fix=f"count from {shift.first}")


def _explain_attention(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Rotations, behind the attention or before it."""
    for difference in attention.find_attention_differences(case, floor):
        if difference.first_field == "offset":
            candidate, reference = difference.values
            message = f"its queries stand {candidate - reference} position beside the reference's"
            yield difference.to_explanation(NAME, message)
    for rotation in attention.find_rotation_differences(case, floor):
        if rotation.reference[0] == rotation.candidate[0]:
            reference, candidate = rotation.reference[1], rotation.candidate[1]
            message = f"its positions start at {candidate}, the reference's at {reference}"
            offsets = {"reference": {"offset": reference}, "candidate": {"offset": candidate}}
            yield Explanation(NAME, offsets, rotation.residual, message)


def _explain_tables(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """x plus a table of positions that starts elsewhere: sinusoidal, or a learned one among the weights."""
    shape = case.reference.shape
    limits = get_reference_limit(case), get_candidate_limit(case, floor)
    tables = list(iter_position_tables(case, shape[1], shape[2]))
    summands = [np.zeros(shape)] + [
        to_float64(tensor)
        for tensor in list(case.context.values())[-MAX_SUMMED_TENSORS:]
        if tensor.shape == shape and tensor.dtype.kind == "f"
    ]
    for value in summands:
        for table in tables:
            references = _find_first_rows(case.reference, value, table, limits[0])
            if not references:
                continue
            for first, residual in _find_first_rows(
                case.candidate, value, table, limits[1]
            ).items():
                if first not in references:
                    yield _explain_first_row(next(iter(references)), first, residual)


def _find_first_rows(
    target: Array, value: Array, table: PositionTable, limit: float
) -> dict[int, float]:
    """First rows from which value plus table gives the target, each with its residual."""
    expected, residuals = to_float64(target), {}
    for first in FIRST_ROWS:
        rows = table(first)
        if rows is not None:
            residual = relative_error(value + rows, expected)
            if residual <= limit:
                residuals[first] = residual
    return residuals


def _explain_first_row(reference: int, candidate: int, residual: float) -> Explanation:
    return Explanation(
        NAME,
        {"reference": {"first": reference}, "candidate": {"first": candidate}},
        residual,
        f"its positions start at {candidate}, the reference's at {reference}",
        fix=f"count positions from {reference}",
    )


def _explain_folded_rows(case: LayerCase) -> Iterator[Explanation]:
    """Positions that a graph holds as constants: what was added is seen in the sum alone, whose masked frames are zero."""
    if not case.role.startswith("input"):
        return
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    for path in case.attributes:
        table = case.relatives.get(path, {}).get("weight")
        embedded = case.context.get(f"{path}:output")
        if (
            table is None
            or table.ndim != 2
            or table.shape[1] != reference.shape[2]
            or embedded is None
            or embedded.shape[-2:] != reference.shape[1:]
            or embedded.dtype.kind != "f"
        ):
            continue
        rows = to_float64(embedded).reshape(-1, *reference.shape[1:])[0]
        for first, shift, shifted_rows in _iter_shifted_rows(to_float64(table), rows):
            is_unmasked = reference.any(-1, keepdims=True)
            prediction = np.where(is_unmasked, reference + shifted_rows - rows, 0.0)
            message = (
                f"its positions in {path} start at {first + shift}, the reference's at {first}"
            )
            yield Explanation(
                NAME,
                {"offset": shift},
                relative_error(prediction, candidate),
                message,
                fix=f"count from {first}",
            )


def _iter_shifted_rows(table: Array, rows: Array) -> Iterator[tuple[int, int, Array]]:
    """Where in the table these rows stand, and as many that stand some rows further."""
    first = int(np.argmin(np.abs(table - rows[0]).sum(-1)))
    if relative_error(table[first : first + len(rows)], rows) >= MAX_ROW_ERROR:
        return
    for shift in ROW_SHIFTS:
        shifted_rows = table[max(first + shift, 0) : first + shift + len(rows)]
        if len(shifted_rows) == len(rows):
            yield first, shift, shifted_rows
