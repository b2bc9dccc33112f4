"""The last, shorter segment is divided by the full length.

**What it finds.** Averages over segments of a fixed length in which the last segment, where the sound ends inside it, comes out too
small.

**What you hear.** The voice drifts towards the end of a prompt, or a speaker is recognised less well.

**Why it happens.** `avg_pool1d(ceil_mode=True)` divides the last segment by the frames that it has. A reshape into segments needs
padding, and the mean then counts the zeros.

**Blind spots.** The reference has to be live and to call `avg_pool1d`.

**How it is measured.** The reference's own code is run again with zeros behind the input of `avg_pool1d` up to whole segments; that has
to give the candidate's tensor.

**Example.**

```python
# torch, wrong
y = F.pad(x, (0, -x.shape[-1] % 100)).unflatten(-1, (-1, 100)).mean(-1)
# torch, right
y = F.avg_pool1d(x, 100, 100, ceil_mode=True)
# MLX, wrong
y = mx.pad(x, pad).reshape(b, -1, 100, c).mean(2)
# MLX, right
y = mx.pad(x, pad).reshape(b, -1, 100, c).sum(2) / counts
```

**Fix.** Divide the last segment by the frames that it has. Safety: lossy (equal within the number format).

**References.** torch.nn.functional.avg_pool1d, ceil_mode; 3D-Speaker, CAM++.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches.functions import CodeChange, explain_code_changes
from auscult.facts.function_changes import CallChange
from auscult.weights import Array

CODE = "PAR068"
NAME = "pooled-segment"
RANK = 21


def explain_by_rerun(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Zeros behind what is averaged by segments."""
    change = CodeChange(
        "divides it by the frames that it has",
        "divides the last, shorter segment by the full length",
        "divide the last segment by the frames that it has",
        (CallChange("avg_pool1d", computed={"input": _fill_last_segment}),),
    )
    yield from explain_code_changes(case, floor, NAME, [change])


def _fill_last_segment(x: Array, arguments: Mapping[str, Any]) -> Array:
    stride = arguments.get("stride") or arguments["kernel_size"]
    step = int(np.ravel(stride)[0])
    missing = -x.shape[-1] % step
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)])
