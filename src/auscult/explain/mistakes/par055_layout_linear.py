"""A linear layer multiplies by its transposed matrix.

**What it finds.** A linear layer with a square matrix that is transposed.

**What you hear.** Garbled content.

**Why it happens.** torch and MLX store (out, in) and multiply by the transpose. TensorFlow, JAX and
the `Conv1D` of GPT-2 store (in, out). With as many inputs as outputs, both orders run.

**Blind spots.** Only square matrices; others do not run.

**How it is measured.** The layer's own matrix and bias, applied to the reference's input, give the
reference's output. With the matrix transposed they give the candidate's.

**Example.**

```python
# torch, wrong
layer.weight.data = tensorflow_kernel
# torch, right
layer.weight.data = tensorflow_kernel.T
# MLX, wrong
layer.weight = tensorflow_kernel
# MLX, right
layer.weight = tensorflow_kernel.T
```

**Fix.** Transpose the weight. Safety: lossy (equal within the number format).

**References.** huggingface/transformers, Conv1D.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.nearness import relative_error
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import linears

CODE = "PAR055"
NAME = "layout-linear"
RANK = 8
SEARCHES = (linears.SEARCH,)
MESSAGE = "it multiplies by the transposed matrix"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer with its square matrix transposed."""
    linear = linears.read_linear(case, floor)
    if linear is None or linear.matrix.shape[0] != linear.matrix.shape[1]:
        return
    prediction = linear.signal @ linear.matrix
    if linear.bias is not None:
        prediction = prediction + linear.bias
    residual = relative_error(prediction, linear.expected)
    yield Explanation(NAME, {}, residual, MESSAGE, fix="transpose the weight")
