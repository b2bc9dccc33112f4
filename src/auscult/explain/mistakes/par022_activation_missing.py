"""An activation is left out.

**What it finds.** A place at which the reference applies a function and the candidate applies none.

**What you hear.** Distorted, or too loud.

**Why it happens.** Activations have no tensors. In code they stand in a list that a port copies
without them, or at the end of a `forward` that was read only to the last layer.

**Blind spots.** None known where the tensor before it is traced.

**How it is measured.** Both sides are written over the same tensors at hand: the reference's with a
function, the candidate's without. Where only the two outputs are known, a usual function of the
candidate's has to give the reference's.

**Example.**

```python
# torch, wrong
audio = conv_post(x)
# torch, right
audio = torch.tanh(conv_post(x))
# MLX, wrong
audio = conv_post(x)
# MLX, right
audio = mx.tanh(conv_post(x))
```

**Fix.** Apply the reference's function. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import activations, wiring

CODE = "PAR022"
NAME = "activation-missing"
RANK = 24
SEARCHES = (activations.SEARCH, wiring.SEARCH)
OUTPUT_FUNCTIONS = frozenset(
    {"tanh", "relu", "gelu", "gelu_tanh", "silu", "mish", "sigmoid", "elu", "leaky_relu"}
)
"""Functions that code puts behind a layer, tried where only its output is known."""
EXTRA_OUTPUT_COMPLEXITY = 2
"""Of what is read from the two outputs alone: it stands behind what the inputs show."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """No function where the reference has one, over the same tensors or over the candidate's output."""
    for change in activations.find_function_changes(case, floor):
        if change.candidate.name == "identity" and not change.is_factor:
            message = f"the reference applies {change.reference.says}, the candidate nothing"
            yield change.to_explanation(NAME, message)
    for change in activations.find_left_out_functions(case):
        if change.reference.name in OUTPUT_FUNCTIONS:
            message = f"the reference applies {change.reference.says}, the candidate nothing"
            yield change.to_explanation(NAME, message, extra_complexity=EXTRA_OUTPUT_COMPLEXITY)
