"""The stored statistics of a batch norm were not loaded.

**What it finds.** A batch norm that norms by mean 0 and variance 1, as a constructor leaves them, where the reference has
statistics of its training.

**What you hear.** Every layer behind it works on a wrong level and offset: noise, a buzz, or silence.

**Why it happens.** `running_mean` and `running_var` are buffers, not parameters. A converter that goes through
`named_parameters()` leaves them out, and so does a loader that asks for trainable weights alone.

**Blind spots.** The reference has to be live. Statistics that were left out in part are not this mistake.

**How it is measured.** The layer's input is normed by the stored statistics, which has to give the reference's output, and by
mean 0 and variance 1, which has to give the candidate's; gain and shift are the reference's in both.

**Example.**

```python
# torch, wrong
state = {name: value for name, value in model.named_parameters()}
# torch, right
state = model.state_dict()
# MLX, wrong
mx.savez("weights.npz", **dict(tree_flatten(model.trainable_parameters())))
# MLX, right
mx.savez("weights.npz", **dict(tree_flatten(model.parameters())))
```

**Fix.** Load `running_mean` and `running_var`. Safety: lossy (equal within the number format).

**References.** torch.nn.Module.state_dict; mlx.nn.BatchNorm, track_running_stats.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import norms

CODE = "PAR063"
NAME = "batch-norm-statistics"
RANK = 10
SEARCHES = (norms.SEARCH,)
MESSAGE = "it normalises by mean 0 and variance 1: running_mean and running_var were not loaded"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Stored statistics on the reference's side, a constructor's on the candidate's."""
    for difference in norms.find_norm_differences(case, floor):
        if difference.uses_fresh_statistics:
            yield difference.to_explanation(NAME, MESSAGE)
