"""Frames are shifted: another stride or another padding.

**What it finds.** Padding on another side or of another amount, another number of frames cut off,
or another stride.

**What you hear.** A lag; clicks at the borders of chunks; smeared attacks.

**Why it happens.** "same" padding is uneven for an even kernel, and frameworks put the odd frame on
different sides. A transposed convolution cuts off what its `padding` says. A convolution that was
exported as a graph has its padding in a node of its own.

**Blind spots.** None known.

**How it is measured.** The layer is run on the reference's input with every padding on the left and
right that moves it by a few frames (up to the kernel's reach), and with the strides 1 to 10. Before
a layer, a tensor at hand padded by other amounts gives either side's tensor; or zeros at the ends
show what the reference padded. Last, the candidate's tensor is the reference's with a lag, or of
another length.

**Example.**

```python
# torch, wrong
up = nn.ConvTranspose1d(64, 32, 4, stride=2, padding=0)
# torch, right
up = nn.ConvTranspose1d(64, 32, 4, stride=2, padding=1)
# MLX, wrong
up = nn.ConvTranspose1d(64, 32, 4, stride=2, padding=0)
# MLX, right
up = nn.ConvTranspose1d(64, 32, 4, stride=2, padding=1)
```

**Fix.** Take the reference's stride and padding. Safety: lossy (equal within the number format).

**References.** torch.nn.ConvTranspose1d.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import convolutions, lags, paddings
from auscult.explain.searches.convolutions import (
    Convolution,
    ConvolutionTrial,
    describe_padding,
    is_causal,
)

CODE = "PAR033"
NAME = "stride-padding"
RANK = 18
SEARCHES = (convolutions.SEARCH, lags.SEARCH, paddings.SEARCH)
MIN_REACH = 3
"""Frames by which padding is moved at least, where the kernel reaches less far."""
STRIDES = range(1, 11)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer run otherwise, what reaches it padded otherwise, or a lag."""
    trial = convolutions.read_convolution(case, floor)
    if trial is not None:
        yield from _explain_convolution(trial)
    for difference in paddings.find_padding_differences(case, floor):
        if not difference.is_border_change:
            yield difference.to_explanation(NAME)
    lag = lags.find_lag(case, floor)
    if lag is not None and not lags.is_wave_layer(case):
        yield lag.to_explanation(NAME)


def _explain_convolution(trial: ConvolutionTrial) -> Iterator[Explanation]:
    reference = trial.reference
    variants = _iter_variants(reference, trial.kernel.shape[-1])
    for variant, residual in trial.iter_fitting(variants):
        if variant.stride != reference.stride:
            message = f"its stride is {variant.stride}, the reference's {reference.stride}"
        else:
            verb = "cuts" if reference.transposed else "pads"
            message = (
                f"it {verb} {describe_padding(variant)}, the reference"
                f" {describe_padding(reference)}: a shift of {variant.left - reference.left} frames"
            )
        yield trial.to_explanation(NAME, variant, residual, message)


def _iter_variants(reference: Convolution, kernel_size: int) -> Iterator[Convolution]:
    """Paddings moved by a few frames on either side, then other strides; causal padding is `padding-mode`."""
    span = (kernel_size - 1) * reference.dilation // 2
    reach = max(MIN_REACH, reference.left, reference.right, span)
    for left, right in product(range(-reach, reach + 1), repeat=2):
        if (left, right) == (0, 0) or reference.left + left < 0:
            continue
        variant = replace(reference, left=reference.left + left, right=reference.right + right)
        if not is_causal(variant, reference):
            yield variant
    for stride in STRIDES:
        if stride != reference.stride:
            yield replace(reference, stride=stride)
