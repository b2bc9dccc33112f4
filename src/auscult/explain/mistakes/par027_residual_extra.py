"""A residual connection too many.

**What it finds.** A tensor that the candidate adds and the reference does not: often the input of
the layer.

**What you hear.** Too loud, or an echo of what came in.

**Why it happens.** A block was copied from another model, or a wrapper adds the input although the
block inside does so already.

**Blind spots.** None known.

**How it is measured.** The candidate's output is the reference's plus the layer's input. Between
layers, the candidate's tensor is a sum of tensors at hand that holds all of the reference's and
further ones.

**Example.**

```python
# torch, wrong
x = x + block(x)  # the block has added x already
# torch, right
x = block(x)
# MLX, wrong
x = x + block(x)
# MLX, right
x = block(x)
```

**Fix.** Do not add the input. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import wiring

CODE = "PAR027"
NAME = "residual-extra"
RANK = 27
SEARCHES = (wiring.SEARCH,)
EXTRA_COMPLEXITY = 1
"""Of a sum between layers: with many tensors at hand, one more summand is found more easily than one less."""
MESSAGE = "it adds its input, which the reference does not"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The output plus the input, or one summand more."""
    for difference in wiring.find_join_differences(case, floor):
        if (
            difference.candidate.join == "sum"
            and difference.reference.join in {"one", "sum"}
            and difference.extra_terms
            and not difference.missing_terms
        ):
            names = ", ".join(sorted(difference.extra_terms))
            message = f"it adds {names}, which the reference does not"
            yield difference.to_explanation(NAME, message, extra_complexity=EXTRA_COMPLEXITY)
    x = wiring.get_input_of_equal_shape(case)
    if x is not None:
        prediction = to_float64(case.reference) + to_float64(x)
        residual = relative_error(prediction, to_float64(case.candidate))
        yield Explanation(NAME, {}, residual, MESSAGE, fix="do not add the input")
