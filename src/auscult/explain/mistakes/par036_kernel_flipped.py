"""A kernel runs backwards.

**What it finds.** A convolution whose kernel is reversed in time.

**What you hear.** Echoes before the sound (pre-echo); smeared attacks.

**Why it happens.** What frameworks call convolution is correlation. Signal processing code
convolves and turns the kernel round. A transposed convolution that is written as a convolution
needs its kernel reversed, once.

**Blind spots.** Symmetric kernels.

**How it is measured.** The layer is run on the reference's input with its kernel reversed in time,
all else being equal.

**Example.**

```python
# torch, wrong
y = F.conv1d(x, weight.flip(-1))
# torch, right
y = F.conv1d(x, weight)
# MLX, wrong
y = mx.conv_general(x, weight, flip=True)
# MLX, right
y = mx.conv_general(x, weight, flip=False)
```

**Fix.** Load the weight as the layer stores it. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import convolutions

CODE = "PAR036"
NAME = "kernel-flipped"
RANK = 18
SEARCHES = (convolutions.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer with its kernel reversed."""
    trial = convolutions.read_convolution(case, floor)
    if trial is None:
        return
    reversed_kernel = replace(trial.reference, layout="flipped")
    for variant, residual in trial.iter_fitting([reversed_kernel]):
        yield trial.to_explanation(NAME, variant, residual, "its kernel runs backwards in time")
