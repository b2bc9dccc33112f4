"""Another sampler.

**What it finds.** Euler, midpoint, Heun, RK4 or ping-pong steps, one in place of another.

**What you hear.** Flickering, slow or band-limited sound; with too rough a solver, remains of the
noise.

**Why it happens.** The solver is code around the model. A model that was distilled for a few
ping-pong steps, each of which adds new noise, does not follow the path of an ODE, so that an Euler
solver leaves the states that it knows.

**Blind spots.** Multistep samplers are called unknown.

**How it is measured.** From the calls of the estimator: RK4 and Heun by the times at which it is
asked, midpoint and Euler by whether a state is the one before plus a velocity times a number
(misfit below 1e-3 or eight noise floors), ping-pong by whether what is left after the denoised part
has the deviation of fresh noise.

**Example.**

```python
# torch, wrong
x = x + (t_next - t) * velocity
# torch, right
x = (1 - t_next) * (x - t * velocity) + t_next * torch.randn_like(x)
# MLX, wrong
x = x + (t_next - t) * velocity
# MLX, right
x = (1 - t_next) * (x - t * velocity) + t_next * mx.random.normal(x.shape)
```

**Fix.** Sample by the reference's method. Safety: lossy (equal within the number format).

**References.** arXiv 2505.08175 (ARC); Karras et al. 2022.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import sampling

CODE = "PAR043"
NAME = "sampler-mismatch"
RANK = 12
SEARCHES = (sampling.SEARCH,)
FOUND_BY = ("verbs/run/stable_audio.py",)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another solver takes each state to the next."""
    pair = sampling.compare_samplers(case, floor)
    if pair is None or pair.has_same_method:
        return
    reference, candidate = pair.methods
    message = (
        f"it integrates by {candidate} in {pair.candidate.steps} calls, the reference by"
        f" {reference} in {pair.reference.steps}"
    )
    sides = {"reference": reference, "candidate": candidate}
    yield Explanation(NAME, sides, 0.0, message, fix=f"sample by {reference}")
