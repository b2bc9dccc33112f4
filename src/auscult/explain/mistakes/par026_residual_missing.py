"""A residual connection is left out.

**What it finds.** A layer or block that does not add its input to what it computes.

**What you hear.** Noise, or a signal that dies with the depth of the model.

**Why it happens.** A residual connection is a plus sign in code and no tensor. Blocks add it only
where the number of channels does not change, and a port misses the condition.

**Blind spots.** None known.

**How it is measured.** The candidate's output is the reference's less the layer's input. Between
layers, the reference's tensor is the sum of two tensors at hand, and the candidate's is one of
them.

**Example.**

```python
# torch, wrong
x = block(x)
# torch, right
x = x + block(x)
# MLX, wrong
x = block(x)
# MLX, right
x = x + block(x)
```

**Fix.** Add the input. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import wiring
from auscult.explain.wiring_differences import is_residual_sum, lacks_summands

CODE = "PAR026"
NAME = "residual-missing"
RANK = 19
SEARCHES = (wiring.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The output less the input, or one summand of two."""
    for difference in wiring.find_join_differences(case, floor):
        if wiring.is_norm_called_too_early(case, difference):
            continue  # a norm before its branch, not behind it: the sum comes later
        if lacks_summands(difference) and is_residual_sum(difference.reference):
            names = ", ".join(sorted(difference.missing_terms))
            yield difference.to_explanation(NAME, f"it does not add {names}")
    x = wiring.get_input_of_equal_shape(case)
    if x is not None:
        prediction = to_float64(case.reference) - to_float64(x)
        residual = relative_error(prediction, to_float64(case.candidate))
        yield Explanation(NAME, {}, residual, "it does not add its input", fix="add the input")
