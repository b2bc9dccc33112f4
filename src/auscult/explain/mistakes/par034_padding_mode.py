"""Borders are filled otherwise.

**What it finds.** Zeros, reflection, the repeated edge or the other end in place of one another, or
all of the padding on the left (causal).

**What you hear.** Artefacts at the ends and, with streaming, at every chunk.

**Why it happens.** Causal convolutions pad by hand. MLX's convolutions pad with zeros alone, so
that a reflection has to be written before them.

**Blind spots.** Only the frames at the border differ: inputs must not be silent there.

**How it is measured.** The layer is run on the reference's input with each of the four ways to fill
the border, and with the whole padding on the left. Before a layer, a tensor at hand padded in two
ways gives the two sides' tensors; or zeros at the ends show what the reference padded. The live reference's own code is run again with
another mode of `pad` and of `stft`.

**Example.**

```python
# torch, wrong
y = conv(F.pad(x, (6, 0)))
# torch, right
y = conv(F.pad(x, (6, 0), mode="reflect"))
# MLX, wrong
y = conv(mx.pad(x, [(0, 0), (6, 0), (0, 0)]))
# MLX, right
y = conv(mx.concatenate([x[:, 6:0:-1], x], axis=1))
```

**Fix.** Fill the border as the reference does. Safety: lossy (equal within the number format).

**References.** facebookresearch/encodec, SConv1d.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import convolutions, paddings
from auscult.explain.searches.convolutions import MODES, Convolution, describe_padding
from auscult.explain.searches.functions import CodeChange, explain_code_changes, get_argument
from auscult.facts.function_changes import CallChange

CODE = "PAR034"
NAME = "padding-mode"
RANK = 21
FUNCTION_MODES = (("pad", "mode", "constant"), ("stft", "pad_mode", "reflect"))
"""torch's functions that fill borders, which argument says how, and its default."""
SEARCHES = (convolutions.SEARCH, paddings.SEARCH)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer with another border, or what reaches it padded with something else."""
    trial = convolutions.read_convolution(case, floor)
    if trial is not None and not trial.reference.transposed:
        for variant, residual in trial.iter_fitting(_iter_variants(trial.reference)):
            message = (
                f"it pads {describe_padding(variant)}, the reference"
                f" {describe_padding(trial.reference)}"
            )
            yield trial.to_explanation(NAME, variant, residual, message)
    for difference in paddings.find_padding_differences(case, floor):
        if difference.is_border_change:
            yield difference.to_explanation(NAME)


def explain_by_rerun(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another mode in the calls of `pad`, and of `stft` at the ends of the sound."""
    changes = [
        CodeChange(
            f"by {reference}",
            f"fills the border of {function} by {mode}",
            f"give {function} {argument}={reference!r}",
            (CallChange(function, {argument: mode}),),
        )
        for function, argument, default in FUNCTION_MODES
        for reference in [get_argument(case, function, argument, default)]
        for mode in ("constant", "reflect", "replicate", "circular")
    ]
    yield from explain_code_changes(case, floor, NAME, changes)


def _iter_variants(reference: Convolution) -> Iterator[Convolution]:
    """Other fillings of the border, then all of the padding on the left with each of them."""
    for mode in MODES:
        if mode != reference.mode:
            yield replace(reference, mode=mode)
    total = reference.left + reference.right
    if reference.right > 0:
        for mode in MODES:
            yield replace(reference, left=total, right=0, mode=mode)
