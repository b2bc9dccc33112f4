"""A transposed convolution reads its kernel in another layout.

**What it finds.** A transposed convolution whose kernel has input and output channels exchanged,
perhaps reversed in time besides, or whose numbers were read in another order of axes.

**What you hear.** Noise with a trace of the content, at the rate that this layer makes.

**Why it happens.** torch stores (in, out, kernel) for a transposed convolution and (out, in,
kernel) for a plain one; MLX stores (out, kernel, in) for both. A converter that treats both alike
exchanges the channels.

**Blind spots.** Only layouts that keep the shape: others do not run.

**How it is measured.** The layer is run on the reference's input with its kernel's channels
exchanged (where there are as many in as out), the same reversed in time, and the kernel read in two
other orders of axes.

**Example.**

```python
# torch, wrong
weight = mlx_weight.permute(0, 2, 1)
# torch, right
weight = mlx_weight.permute(2, 0, 1)
# MLX, wrong
weight = torch_weight.transpose(0, 2, 1)
# MLX, right
weight = torch_weight.transpose(1, 2, 0)
```

**Fix.** Load the weight as the layer stores it. Safety: lossy (equal within the number format).

**References.** ml-explore/mlx, ConvTranspose1d; torch.nn.ConvTranspose1d.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import convolutions

CODE = "PAR054"
NAME = "layout-conv-transpose1d"
RANK = 8
SEARCHES = (convolutions.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The transposed layer with its kernel read in another order of axes."""
    trial = convolutions.read_convolution(case, floor)
    if trial is None or not trial.reference.transposed:
        return
    for variant, residual in trial.iter_fitting(convolutions.iter_other_layouts(trial)):
        says = f"its kernel {convolutions.describe_layout(variant.layout)}"
        yield trial.to_explanation(NAME, variant, residual, says)
