"""A convolution reads its kernel in another layout.

**What it finds.** A convolution whose kernel has input and output channels exchanged, perhaps
reversed in time besides, or whose numbers were read in another order of axes.

**What you hear.** Noise with a trace of the content.

**Why it happens.** torch stores (out, in, kernel), MLX (out, kernel, in), TensorFlow (kernel, in,
out). A transposition that is applied twice, or a reshape in its place, is legal for every shape
where the channels are square.

**Blind spots.** Only layouts that keep the shape: others do not run.

**How it is measured.** The layer is run on the reference's input with its kernel's channels
exchanged (where there are as many in as out), the same reversed in time, and the kernel read as
(in, kernel, out) and as (kernel, in, out).

**Example.**

```python
# torch, wrong
weight = mlx_weight.reshape(out_channels, in_channels, kernel_size)
# torch, right
weight = mlx_weight.permute(0, 2, 1)
# MLX, wrong
weight = torch_weight.reshape(out_channels, kernel_size, in_channels)
# MLX, right
weight = torch_weight.transpose(0, 2, 1)
```

**Fix.** Load the weight as the layer stores it. Safety: lossy (equal within the number format).

**References.** ml-explore/mlx, Conv1d; torch.nn.Conv1d.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import convolutions

CODE = "PAR053"
NAME = "layout-conv1d"
RANK = 8
SEARCHES = (convolutions.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer with its kernel read in another order of axes."""
    trial = convolutions.read_convolution(case, floor)
    if trial is None or trial.reference.transposed:
        return
    for variant, residual in trial.iter_fitting(convolutions.iter_other_layouts(trial)):
        says = f"its kernel {convolutions.describe_layout(variant.layout)}"
        yield trial.to_explanation(NAME, variant, residual, says)
