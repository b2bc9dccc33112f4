"""A convolution has another dilation.

**What it finds.** A convolution whose taps lie further apart, or nearer together, than the
reference's.

**What you hear.** Buzz or a hollow sound; the model loads without a complaint.

**Why it happens.** A kernel of three taps has the same weights at any dilation. Vocoders have lists
such as 1, 3, 5 in their configuration, one per block, and a port that reads another list, or leaves
the argument out, runs.

**Blind spots.** Inputs shorter than the kernel's reach.

**How it is measured.** The layer is run on the reference's input with the dilations 1 to 6, 8, 9,
12 and 16: once with the reference's padding, and once with padding that keeps the length. One of
them has to give the candidate's output within the noise floor.

**Example.**

```python
# torch, wrong
conv = nn.Conv1d(64, 64, 3, padding=1)
# torch, right
conv = nn.Conv1d(64, 64, 3, padding=3, dilation=3)
# MLX, wrong
conv = nn.Conv1d(64, 64, 3, padding=1)
# MLX, right
conv = nn.Conv1d(64, 64, 3, padding=3, dilation=3)
```

**Fix.** Take the reference's dilation. Safety: lossy (equal within the number format).

**References.** jik876/hifi-gan, config_v1.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import convolutions
from auscult.explain.searches.convolutions import Convolution

CODE = "PAR032"
NAME = "dilation"
RANK = 18
SEARCHES = (convolutions.SEARCH,)
DILATIONS = (1, 2, 3, 4, 5, 6, 8, 9, 12, 16)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer with each other dilation."""
    trial = convolutions.read_convolution(case, floor)
    if trial is None or trial.reference.transposed:
        return
    variants = _iter_variants(trial.reference, trial.kernel.shape[-1])
    for variant, residual in trial.iter_fitting(variants):
        message = f"its dilation is {variant.dilation}, the reference's {trial.reference.dilation}"
        yield trial.to_explanation(NAME, variant, residual, message)


def _iter_variants(reference: Convolution, kernel_size: int) -> Iterator[Convolution]:
    """Each other dilation, with the padding as it is and with one that keeps the length."""
    for dilation in DILATIONS:
        if dilation == reference.dilation:
            continue
        growth = (kernel_size - 1) * (dilation - reference.dilation)
        yield replace(reference, dilation=dilation)
        yield replace(
            reference,
            dilation=dilation,
            left=reference.left + growth // 2,
            right=reference.right + growth - growth // 2,
        )
