"""A normalisation over other axes, with another statistic, or without its gain.

**What it finds.** RMS in place of mean and deviation, unbiased in place of biased variance, another
axis, or a gain that is not applied.

**What you hear.** Timbre and level are off; the words stay right.

**Why it happens.** RMSNorm and a LayerNorm without bias have the same tensors. Frameworks put
channels on other axes, and `std()` is unbiased in torch and biased in MLX.

**Blind spots.** The norm's weights are needed, so one side has to be a live model.

**How it is measured.** The input of the norm is normalised as layer, RMS, unit-length, instance,
group and batch norm, over either channel axis, with and without gain, with biased and unbiased
variance, each with ten usual values of eps and then with the eps that fits best. One convention
gives the reference's output and another the candidate's. Pairs that differ in eps, in groups, or in
stored against batch statistics alone have causes of their own.

**Example.**

```python
# torch, wrong
y = F.layer_norm(x, (512,), weight)
# torch, right
y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight
# MLX, wrong
y = mx.fast.layer_norm(x, weight, None, 1e-6)
# MLX, right
y = mx.fast.rms_norm(x, weight, 1e-6)
```

**Fix.** Normalise as the reference does. Safety: lossy (equal within the number format).

**References.** Zhang and Sennrich 2019, Root Mean Square Layer Normalization.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.norms import NormConvention
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import norms

CODE = "PAR015"
NAME = "norm-convention"
RANK = 22
SEARCHES = (norms.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another statistic, axis or gain."""
    for difference in norms.find_norm_differences(case, floor):
        if difference.is_eps_only or difference.concerns_groups:
            continue
        if difference.uses_batch_statistics or difference.uses_fresh_statistics:
            continue
        message = (
            f"it normalises as {_describe_norm(difference.candidate)}, the reference as"
            f" {_describe_norm(difference.reference)}"
        )
        yield difference.to_explanation(NAME, message)


def _describe_norm(norm: NormConvention) -> str:
    parts = [norm.kind, f"axis {norm.axis}"]
    if not norm.affine:
        parts.append("without gain")
    if norm.ddof:
        parts.append("unbiased")
    return ", ".join(parts)
