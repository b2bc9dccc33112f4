"""Batch norm is in training mode.

**What it finds.** A batch norm that uses the statistics of this batch instead of the stored ones.

**What you hear.** Quality that depends on the input and on what else is in the batch. Short inputs
are worst.

**Why it happens.** `.eval()` was not called, often because a loader raised an exception before the
line that calls it. In MLX, `.train()` was called for another purpose.

**Blind spots.** None known.

**How it is measured.** The layer's input is normalised by the stored mean and variance, which has
to give the reference's output, and by the mean and variance of the input itself, which has to give
the candidate's.

**Example.**

```python
# torch, wrong
y = model(x)
# torch, right
y = model.eval()(x)
# MLX, wrong
model.train()
y = model(x)
# MLX, right
model.eval()
y = model(x)
```

**Fix.** Call `.eval()` before running. Safety: lossy (equal within the number format).

**References.** torch.nn.BatchNorm1d.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import norms

CODE = "PAR018"
NAME = "batch-norm-train-mode"
RANK = 10
SEARCHES = (norms.SEARCH,)
MESSAGE = (
    "it normalises by the statistics of this batch, not the stored ones: it is in training mode"
)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Stored statistics on the reference's side, those of the batch on the candidate's."""
    for difference in norms.find_norm_differences(case, floor):
        if difference.uses_batch_statistics:
            yield difference.to_explanation(NAME, MESSAGE)
