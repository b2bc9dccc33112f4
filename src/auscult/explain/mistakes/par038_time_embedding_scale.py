"""The time is scaled otherwise before its embedding.

**What it finds.** Sines and cosines of the time of a diffusion or flow model, where the time was
first multiplied by another number.

**What you hear.** The sampler works as if at one time: noise or mush.

**Why it happens.** Some models embed a time from 0 to 1, others one from 0 to 1000 or multiplied by
2π, with the same code behind it. The factor is in no checkpoint.

**Blind spots.** At time 0 nothing differs: several steps are needed.

**How it is measured.** The features are computed from each small tensor at hand, with twelve
factors (1, 1000, 2π, 256, 100, π and their like), in every order and spacing, and with learned
frequencies where there are some. One factor gives the reference's features and another the
candidate's, with the same order of sines and cosines.

**Example.**

```python
# torch, wrong
h = embed_time(t)
# torch, right
h = embed_time(1000 * t)
# MLX, wrong
h = embed_time(t)
# MLX, right
h = embed_time(1000 * t)
```

**Fix.** Multiply the time as the reference does. Safety: lossy (equal within the number format).

**References.** Ho et al. 2020; shivammehta25/Matcha-TTS.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import number_features

CODE = "PAR038"
NAME = "time-embedding-scale"
RANK = 14
SEARCHES = (number_features.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same order of sines and cosines, of the time times another number."""
    for difference in number_features.find_feature_differences(case, floor):
        unequal = difference.unequal
        if not difference.has_number and "order" not in unequal and "scale" in unequal:
            yield difference.to_explanation(NAME, complexity=len(unequal))
