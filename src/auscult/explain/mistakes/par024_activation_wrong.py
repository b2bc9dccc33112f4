"""Another activation.

**What it finds.** One named function in place of another, such as ReLU in place of SiLU.

**What you hear.** Distorted, or dull; the model was trained with the curve of its own function.

**Why it happens.** ReLU for SiLU, Mish for GELU, ELU for leaky ReLU: none of them has tensors.
Names in configurations, such as "swish" and "silu", mean the same, others that look alike do not.

**Blind spots.** Functions with learned parameters (Snake) show as `snake-parametrisation` in the
weights.

**How it is measured.** Both sides are written as a function of the same tensors at hand: identity,
(leaky) ReLU, three forms of GELU, SiLU, Mish, ELU, tanh, sigmoid, softplus, sine, exponential,
magnitude, square, clamp, and a factor. Each side is reproduced by another one. Two slopes, two
forms of GELU and two factors have causes of their own.

**Example.**

```python
# torch, wrong
y = F.relu(x)
# torch, right
y = F.silu(x)
# MLX, wrong
y = nn.relu(x)
# MLX, right
y = nn.silu(x)
```

**Fix.** Apply the reference's function. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import activations, wiring

CODE = "PAR024"
NAME = "activation-wrong"
RANK = 24
SEARCHES = (activations.SEARCH, wiring.SEARCH)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Two functions over the same tensors, neither of which is the identity."""
    for change in activations.find_function_changes(case, floor):
        is_other_cause = change.is_leaky or change.is_gelu or change.is_factor
        if "identity" not in change.names and not is_other_cause:
            message = (
                f"it applies {change.candidate.says} where the reference applies"
                f" {change.reference.says}"
            )
            yield change.to_explanation(NAME, message)
