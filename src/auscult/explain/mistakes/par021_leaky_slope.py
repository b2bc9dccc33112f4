"""Another slope of a leaky ReLU.

**What it finds.** A leaky ReLU with another slope, whatever its value; a ReLU counts as slope 0.

**What you hear.** Buzz or a dull sound. The last activation of a vocoder matters most.

**Why it happens.** HiFi-GAN calls `F.leaky_relu(x, 0.1)` inside and `F.leaky_relu(x)` before its
last layer, which is 0.01. A port that uses one slope everywhere has one of them wrong, and the
slope is in no checkpoint.

**Blind spots.** Inputs without negative values hide it.

**How it is measured.** Both sides are written as a function of the same tensors at hand; the slope
of each is the median of output over input where the input is negative. Where only the two outputs
are known, the candidate's has to be a leaky ReLU of the reference's, and the reference's negative
half has to be clearly smaller than its positive one.

**Example.**

```python
# torch, wrong
y = F.leaky_relu(x, 0.1)
# torch, right
y = F.leaky_relu(x)  # the default, 0.01
# MLX, wrong
y = nn.leaky_relu(x, 0.1)
# MLX, right
y = nn.leaky_relu(x, 0.01)
```

**Fix.** Apply the reference's slope. Safety: lossy (equal within the number format).

**References.** jik876/hifi-gan, models.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import activations, wiring

CODE = "PAR021"
NAME = "leaky-slope"
RANK = 24
SEARCHES = (activations.SEARCH, wiring.SEARCH)
OUTPUT_COMPLEXITY = 3
"""Of a slope that is read from the two outputs alone: it stands behind what the inputs show."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Two slopes over the same tensors, or one more slope on the output."""
    for change in activations.find_function_changes(case, floor):
        if change.is_leaky:
            candidate, reference = change.candidate.constant or 0, change.reference.constant or 0
            message = f"its leaky ReLU has slope {candidate:.4g}, the reference's {reference:.4g}"
            yield change.to_explanation(NAME, message)
    for change in activations.find_added_functions(case, floor):
        if change.candidate.name == "leaky_relu" and activations.is_lopsided(case):
            slope = change.candidate.constant
            yield Explanation(
                NAME,
                {"times": slope},
                change.residual,
                f"its leaky ReLU has {slope:.4g} times the reference's slope",
                fix="use the reference's slope",
                complexity=OUTPUT_COMPLEXITY,
            )
