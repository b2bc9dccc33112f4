"""The time's frequencies are spaced otherwise.

**What it finds.** Frequencies of a time embedding with `half` in place of `half - 1` in the
exponent, or with another base.

**What you hear.** Slightly wrong at every step of the sampler; blurred detail.

**Why it happens.** The exponent is divided by the number of frequencies in some code and by one
less in other. Both run from 1 down to nearly the same lowest frequency, so that plots look alike.

**Blind spots.** None known.

**How it is measured.** The features are computed from each small tensor at hand with both spacings
and with the bases 10,000 and 100. One gives the reference's features and another the candidate's,
with the same order and factor.

**Example.**

```python
# torch, wrong
frequencies = 10000 ** (-torch.arange(half) / half)
# torch, right
frequencies = 10000 ** (-torch.arange(half) / (half - 1))
# MLX, wrong
frequencies = 10000 ** (-mx.arange(half) / half)
# MLX, right
frequencies = 10000 ** (-mx.arange(half) / (half - 1))
```

**Fix.** Space the frequencies as the reference does. Safety: lossy (equal within the number
format).

**References.** huggingface/diffusers, get_timestep_embedding.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import number_features

CODE = "PAR040"
NAME = "time-embedding-frequencies"
RANK = 15
SEARCHES = (number_features.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same order and factor, with another spacing or base of the frequencies."""
    for difference in number_features.find_feature_differences(case, floor):
        unequal = difference.unequal
        if not difference.has_number and not {"order", "scale"} & set(unequal):
            yield difference.to_explanation(NAME, complexity=len(unequal))
