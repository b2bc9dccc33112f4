"""Choices between nearly equal scores flip: not a mistake.

**What it finds.** Integer ids that differ only where the two best scores lie nearer together than
rounding can tell.

**What you hear.** Another rendition that is as good.

**Why it happens.** An argmax or a sampling step turns a rounding error into another token. A
decoder reads its own tokens, so everything after the first flip differs, although both sides
compute the same.

**Blind spots.** The scores have to be in the trace.

**How it is measured.** The reference's ids are the argmax of a tensor of scores at hand. At each id
that differs, the margin between the score of the reference's choice and that of the candidate's,
divided by the rms of the scores, is at most eight noise floors (and never less than 1e-5). A
decoder that is traced step by step is judged by its steps: none has an error of its own, and the
scores at the first flip agree within the floor.

**Example.**

```python
# torch, wrong
token = logits.argmax(-1)  # compared with the other side's token by equality
# torch, right
logits = model(reference_tokens)  # both sides read the reference's tokens; compare the logits
# MLX, wrong
token = mx.argmax(logits, axis=-1)
# MLX, right
logits = model(reference_tokens)
```

**Fix.** Feed both sides the reference's ids, and compare step by step. Safety: guess.

**References.** Wiseman and Rush 2016 on exposure of search to near ties.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import ids
from auscult.finding import Severity
from auscult.weights import Array

CODE = "PAR003"
NAME = "chaotic"
RANK = 6
SEVERITY = Severity.INFO
SEARCHES = (ids.SEARCH,)
FOUND_BY = ("comparison/locate/runs.py",)
MARGIN_FLOORS = 8.0
"""Noise floors that the margin of a choice may have to be called a near tie.

Chosen, not measured."""
MIN_ALLOWED_MARGIN = 1e-5
"""The same, relative to the rms of the scores, where the floor is lower.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Ids that are the largest of scores: where they differ, the two best scores are nearer than rounding can tell."""
    if not ids.has_comparable_ids(case) or ids.find_constant_shift(case, floor) is not None:
        return
    reference, candidate = (
        tensor.astype(np.int64).ravel() for tensor in (case.reference, case.candidate)
    )
    for name, scores in reversed(list(case.context.items())):
        if scores.dtype.kind != "f" or scores.ndim < 2:
            continue
        rows = _find_scores_of(reference, to_float64(scores))
        if rows is not None:
            yield from _explain_flips(name, rows, reference, candidate, floor)
            return


def _find_scores_of(reference: Array, scores: Array) -> Array | None:
    """Scores [ids, choices] whose largest are the reference's ids."""
    for axis in (scores.ndim - 1, 1):
        best = scores.argmax(axis).ravel()
        if best.size == reference.size and (best == reference).all():
            return np.moveaxis(scores, axis, -1).reshape(-1, scores.shape[axis])
    return None


def _explain_flips(
    name: str, rows: Array, reference: Array, candidate: Array, floor: float
) -> Iterator[Explanation]:
    flipped = np.flatnonzero(reference != candidate)
    if not len(flipped):
        return
    chosen = np.clip(candidate[flipped], 0, rows.shape[1] - 1)
    rms = float(np.sqrt(np.mean(rows**2)))
    margin = (rows[flipped].max(-1) - rows[flipped, chosen]) / rms
    allowed = max(MARGIN_FLOORS * floor, MIN_ALLOWED_MARGIN)
    if (margin > allowed).any():
        return
    message = (
        f"{len(flipped)} of {reference.size} choices of {name} flip: their best scores are"
        f" {margin.max():.2g} apart"
    )
    evidence = {
        "largest_margin": float(margin.max()),
        "allowed": allowed,
        "flips": len(flipped),
        "second": float(np.sort(rows[flipped], -1)[0, -2]),
    }
    yield Explanation(
        NAME,
        {"flips": len(flipped)},
        0.0,
        message,
        fix="feed both sides the reference's ids",
        evidence=evidence,
    )
