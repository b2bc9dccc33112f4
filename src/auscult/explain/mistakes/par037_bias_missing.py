"""A bias is not added.

**What it finds.** A convolution, a linear layer or the hidden side of a recurrent one without its
bias.

**What you hear.** A constant offset (DC), or a wrong level.

**Why it happens.** A layer that is built with `bias=False` loads if the loader is lenient. MLX's
GRU has one bias for all gates and a second one for the new gate alone, so that a converter has to
add up what torch keeps apart.

**Blind spots.** Biases near zero.

**How it is measured.** The layer is run on the reference's input without its bias, all else being
equal: a convolution or linear layer without `bias`, an LSTM or GRU without the hidden side's; one of two
directions also without the input side's, in one direction or both.

**Example.**

```python
# torch, wrong
layer = nn.Linear(512, 512, bias=False)
layer.load_state_dict(weights, strict=False)
# torch, right
layer = nn.Linear(512, 512)
layer.load_state_dict(weights)
# MLX, wrong
layer = nn.Linear(512, 512, bias=False)
layer.load_weights(list(weights.items()), strict=False)
# MLX, right
layer = nn.Linear(512, 512)
layer.load_weights(list(weights.items()))
```

**Fix.** Load the bias. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auscult.explain.algebra.nearness import relative_error
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import convolutions, directions, linears, recurrent

CODE = "PAR037"
NAME = "bias-missing"
RANK = 18
SEARCHES = (convolutions.SEARCH, linears.SEARCH, recurrent.SEARCH, directions.SEARCH)
MESSAGE = "it does not add the bias"
HIDDEN_MESSAGE = "it does not add the bias of the hidden side"
HIDDEN_FIX = "add both biases (their sum, but for the new gate of a GRU)"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer without its bias, whichever kind it is."""
    convolution = convolutions.read_convolution(case, floor)
    if convolution is not None:
        variants = [replace(convolution.reference, bias=False)]
        for variant, residual in convolution.iter_fitting(variants):
            yield convolution.to_explanation(NAME, variant, residual, MESSAGE)
    linear = linears.read_linear(case, floor)
    if linear is not None and linear.bias is not None:
        residual = relative_error(linear.signal @ linear.matrix.T, linear.expected)
        yield Explanation(NAME, {}, residual, MESSAGE, fix="load the bias")
    cell = recurrent.read_recurrent(case, floor)
    if cell is not None:
        conventions = [replace(cell.usual, hidden_bias=False)]
        for convention, residual in cell.iter_fitting(conventions):
            yield cell.to_explanation(NAME, convention, residual, HIDDEN_MESSAGE, HIDDEN_FIX)
    directions_trial = directions.read_directions(case, floor)
    if directions_trial is not None:
        yield from directions_trial.iter_fitting(NAME)
