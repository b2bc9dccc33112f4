"""Scores of relative positions are laid over the wrong keys.

**What it finds.** In attention with relative positions, a shift of the position scores that is left
out, is off by one frame, or counts distances the other way.

**What you hear.** Content that drifts or smears; a conformer whose output barely depends on order.

**Why it happens.** The shift is a pad, a reshape and a cut whose lengths depend on whether
positions run over 2 T - 1 distances or over T. Ports mix the two.

**Blind spots.** q, k, v and the projected positions (2 T - 1 of them) have to be modules of their
own.

**How it is measured.** Attention is computed from q, k, v and the projected positions with the
scores aligned, not shifted, one frame early, one frame late, and mirrored. One placing gives the
reference's output and another the candidate's, with the same scale, mask and biases.

**Example.**

```python
# torch, wrong
scores = content + position[..., :time]
# torch, right
scores = content + shift_relative(position)[..., :time]
# MLX, wrong
scores = content + position[..., :time]
# MLX, right
scores = content + shift_relative(position)[..., :time]
```

**Fix.** Shift the scores as the reference does. Safety: lossy (equal within the number format).

**References.** Dai et al. 2019 (Transformer-XL), appendix B; Gulati et al. 2020.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import attention

CODE = "PAR059"
NAME = "relative-shift"
RANK = 18
SEARCHES = (attention.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same attention with its position scores over other keys."""
    for difference in attention.find_attention_differences(case, floor):
        if difference.first_field == "relative":
            candidate, reference = difference.values
            message = (
                f"its scores of relative positions are {candidate}, the reference's {reference}"
            )
            yield difference.to_explanation(NAME, message)
