"""Channels are grouped otherwise.

**What it finds.** Groups of neighbouring channels against groups of every n-th channel, another
number of groups, or a group norm against another norm.

**What you hear.** A metallic, wrong timbre.

**Why it happens.** torch takes neighbouring channels as a group. `mlx.nn.GroupNorm` takes every
n-th channel unless it is built with `pytorch_compatible=True`. Gain and bias have one shape in
both.

**Blind spots.** None known where the module's weights are there.

**How it is measured.** The input is normalised over groups of neighbouring and of every n-th
channel: with the number of groups that the module declares, otherwise with 2, 4, 8, 16 and 32. One
grouping gives the reference's output and another the candidate's, or one side is a group norm and
the other is not.

**Example.**

```python
# torch, wrong
y = F.group_norm(x.unflatten(1, (16, 32)).transpose(1, 2).flatten(1, 2), 32)  # every 32nd channel
# torch, right
y = F.group_norm(x, 32)
# MLX, wrong
norm = nn.GroupNorm(32, 512)
# MLX, right
norm = nn.GroupNorm(32, 512, pytorch_compatible=True)
```

**Fix.** Group the channels as the reference does. Safety: lossy (equal within the number format).

**References.** mlx.nn.GroupNorm.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.norms import NormConvention
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import norms

CODE = "PAR017"
NAME = "group-norm-convention"
RANK = 22
SEARCHES = (norms.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another grouping of the channels."""
    for difference in norms.find_norm_differences(case, floor):
        if difference.concerns_groups and not difference.is_eps_only:
            message = (
                f"it groups channels as {_describe_groups(difference.candidate)}, the reference"
                f" as {_describe_groups(difference.reference)}"
            )
            yield difference.to_explanation(NAME, message)


def _describe_groups(norm: NormConvention) -> str:
    if norm.kind != "group":
        return norm.kind
    neighbours = "strided" if norm.strided else "neighbouring"
    return f"{norm.groups} groups of {neighbours} channels"
