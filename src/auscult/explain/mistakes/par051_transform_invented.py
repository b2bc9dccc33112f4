"""A gain and an offset that the reference does not have.

**What it finds.** A tensor that is a x + b of the reference's, with one a and one b for all of it.

**What you hear.** A wrong level; on a mel spectrogram, a wrong spectral tilt or a muffled voice.

**Why it happens.** A wrong output was compared with a right one, and the difference of mean and
deviation was taken for a normalisation that is missing. The invented scale hides the real mistake
on one input and fails on others.

**Blind spots.** A gain alone is `factor`. A constant added under a logarithm, which is nearly a gain
and an offset where all values are large, is no transform of this kind and is left unexplained.

**How it is measured.** Gain and offset are fitted by least squares over the whole tensor. The
offset is more than 1e-4 of the reference's deviation, and with both the candidate's tensor is
reproduced within the noise floor.

**Example.**

```python
# torch, wrong
mel = decoder(z) * 2.1 - 5.9  # fitted to one utterance
# torch, right
mel = decoder(z)
# MLX, wrong
mel = decoder(z) * 2.1 - 5.9
# MLX, right
mel = decoder(z)
```

**Fix.** Remove the transform. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import gains

CODE = "PAR051"
NAME = "transform-invented"
RANK = 24
SEARCHES = (gains.SEARCH,)
MIN_OFFSET = 1e-4
"""The least offset, as a share of the reference's deviation: without one it is a factor.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """gain * reference + offset."""
    fit = gains.fit_gain_and_offset(case, floor)
    if fit is None or abs(fit.offset) <= MIN_OFFSET * fit.spread:
        return
    if gains.fit_constant_under_logarithm(case) <= fit.residual:
        return
    yield Explanation(
        NAME,
        {"gain": fit.gain, "offset": fit.offset},
        fit.residual,
        f"it computes {fit.gain:.4g} * x {fit.offset:+.4g} of what the reference has",
        fix="remove the transform",
        complexity=3,
    )
