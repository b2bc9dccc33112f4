"""Another form of GELU.

**What it finds.** The exact GELU, its approximation by tanh, or the one by x sigmoid(1.702 x), one
in place of another.

**What you hear.** Slight dullness. Each block adds a small error, and the errors add up.

**Why it happens.** The defaults differ between frameworks and model code. `gelu_new`,
`gelu_pytorch_tanh` and `quick_gelu` are names of the approximations, and a port reads "gelu" for
all of them.

**Blind spots.** None known.

**How it is measured.** Both sides are written as a function of the same tensors at hand. Both
functions are among the three forms, and each reproduces its side within the noise floor; the forms
differ by up to 2e-2.

**Example.**

```python
# torch, wrong
y = F.gelu(x)
# torch, right
y = F.gelu(x, approximate="tanh")
# MLX, wrong
y = nn.gelu(x)
# MLX, right
y = nn.gelu_approx(x)
```

**Fix.** Apply the reference's form. Safety: lossy (equal within the number format).

**References.** Hendrycks and Gimpel 2016.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import activations, wiring

CODE = "PAR020"
NAME = "gelu-variant"
RANK = 25
SEARCHES = (activations.SEARCH, wiring.SEARCH)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Two forms of GELU over the same tensors."""
    for change in activations.find_function_changes(case, floor):
        if change.is_gelu:
            message = f"it computes {change.candidate.name}, the reference {change.reference.name}"
            yield change.to_explanation(NAME, message)
