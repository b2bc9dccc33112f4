"""An activation too many.

**What it finds.** A tanh, a clamp or another function that only the candidate applies.

**What you hear.** Saturated or clipped; dull.

**Why it happens.** Some codecs and vocoders end in a tanh, others do not, and both ship in good
models. A clamp is often added as a safeguard, before the scale of the signal is known.

**Blind spots.** A clamp that no element of the inputs reaches.

**How it is measured.** Both sides are written over the same tensors at hand: the candidate's with a
function, the reference's without. Where only the two outputs are known, a tanh, sigmoid, (leaky)
ReLU or clamp of the reference's has to give the candidate's; slope and limits are fitted.

**Example.**

```python
# torch, wrong
audio = torch.tanh(decoder(z))
# torch, right
audio = decoder(z)
# MLX, wrong
audio = mx.clip(decoder(z), -1, 1)
# MLX, right
audio = decoder(z)
```

**Fix.** Remove the function. Safety: lossy (equal within the number format).

**References.** descript-audio-codec (tanh); facebookresearch/encodec (none).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import activations, wiring

CODE = "PAR023"
NAME = "activation-extra"
RANK = 24
SEARCHES = (activations.SEARCH, wiring.SEARCH)
OUTPUT_FUNCTIONS = frozenset({"tanh", "clamp", "relu", "leaky_relu", "sigmoid"})
"""Functions that code puts behind a layer, tried where only its output is known."""
EXTRA_OUTPUT_COMPLEXITY = 2
"""Of what is read from the two outputs alone: it stands behind what the inputs show."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A function where the reference has none, over the same tensors or over the reference's output."""
    for change in activations.find_function_changes(case, floor):
        if change.reference.name == "identity" and not change.is_factor:
            yield change.to_explanation(NAME, _describe(change))
    for change in activations.find_added_functions(case, floor):
        is_slope = change.candidate.name == "leaky_relu" and activations.is_lopsided(case)
        if change.candidate.name in OUTPUT_FUNCTIONS and not is_slope:
            yield change.to_explanation(
                NAME, _describe(change), extra_complexity=EXTRA_OUTPUT_COMPLEXITY
            )


def _describe(change: activations.FunctionChange) -> str:
    return f"it applies {change.candidate.says} where the reference applies nothing"
