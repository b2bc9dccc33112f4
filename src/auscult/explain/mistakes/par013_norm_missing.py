"""A normalisation is left out.

**What it finds.** A norm of the reference that the candidate does not apply.

**What you hear.** Too loud or too quiet inside the model; a distorted result.

**Why it happens.** A norm without parameters, such as InstanceNorm1d by default, leaves nothing in
a checkpoint: the weights load all the same. A norm that a port replaced by an identity, to add it
later, looks alike.

**Blind spots.** Norms with parameters are seen by `modules-never-trained` in the weights as well.

**How it is measured.** The output of a norm is held against its own input: they agree within the
noise floor. Between modules, both sides are written over the tensors at hand: the reference uses a
norm's output where the candidate uses what goes into it, and the candidate does not call that norm.

**Example.**

```python
# torch, wrong
x = F.relu(conv(x))
# torch, right
x = F.relu(F.instance_norm(conv(x)))
# MLX, wrong
x = nn.relu(conv(x))
# MLX, right
x = nn.relu(nn.InstanceNorm(64, affine=False)(conv(x)))
```

**Fix.** Apply the reference's norm here. Safety: lossy (equal within the number format).

**References.** torch.nn.InstanceNorm1d.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.nearness import relative_error
from auscult.explain.algebra.norms import NORM_TYPE_PATTERN
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import wiring

CODE = "PAR013"
NAME = "norm-missing"
RANK = 19
SEARCHES = (wiring.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A norm that gives back what came in, or whose output is not used."""
    yield from _explain_idle_norm(case)
    for difference in wiring.find_join_differences(case, floor):
        change = wiring.find_norm_change(case, difference)
        if change is None or change.kind != "missing":
            continue
        if change.norm is None:
            message = f"it uses {change.candidate_term}, the reference {change.reference_term}"
        else:
            message = f"it uses {change.candidate_term} without {change.norm}"
        yield difference.to_explanation(NAME, message)


def _explain_idle_norm(case: LayerCase) -> Iterator[Explanation]:
    x, kind = case.input, case.module.type
    if (
        case.role == "output"
        and x is not None
        and x.shape == case.candidate.shape
        and NORM_TYPE_PATTERN.search(kind)
    ):
        message = f"it gives back what came in, where the reference normalises ({kind})"
        residual = relative_error(case.candidate, x)
        yield Explanation(NAME, {}, residual, message, fix=f"apply the reference's {kind} here")
