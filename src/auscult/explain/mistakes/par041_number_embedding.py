"""A number is made into features otherwise.

**What it finds.** Features that hold a number itself beside its sines and cosines, such as seconds
of sound: with another scale, or in another order.

**What you hear.** Length and pace do not follow the request, and quality drops.

**Why it happens.** Stable Audio divides the seconds by their maximum and puts the number first. A
port that passes seconds as they are, or that appends the number, has the same shapes.

**Blind spots.** The learned frequencies are needed, so one side has to be a live model.

**How it is measured.** The features have an odd width. They are computed from each small tensor at
hand with the number in front of or behind the sines and cosines, in every order, with twelve
factors on the angle and five on the number. One formula gives the reference's features and another
the candidate's.

**Example.**

```python
# torch, wrong
h = embed_number(seconds)
# torch, right
h = embed_number(seconds / 512)
# MLX, wrong
h = mx.concatenate([mx.sin(angles), mx.cos(angles), x], axis=-1)
# MLX, right
h = mx.concatenate([x, mx.sin(angles), mx.cos(angles)], axis=-1)
```

**Fix.** Make the features as the reference does. Safety: lossy (equal within the number format).

**References.** Stability-AI/stable-audio-tools, NumberConditioner.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import number_features

CODE = "PAR041"
NAME = "number-embedding"
RANK = 14
SEARCHES = (number_features.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another formula, where the number itself is one of the features."""
    for difference in number_features.find_feature_differences(case, floor):
        if difference.has_number:
            yield difference.to_explanation(NAME, complexity=1)
