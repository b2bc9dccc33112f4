"""Guidance mixes the two velocities otherwise.

**What it finds.** A step of a sampler with classifier-free guidance that mixes the velocities with
and without the condition in another ratio.

**What you hear.** Over- or undersaturated sound, or sound that does not follow the prompt.

**Why it happens.** The weight w means two things. In v_u + w (v_c - v_u) no guidance is w = 1, in
(1 + w) v_c - w v_u it is w = 0. So 0.7 in one formula is 1.7 in the other.

**Blind spots.** The estimator has to be a module, and the sampler has to go by Euler steps.

**How it is measured.** Each side's step from one state to the next is solved by least squares for
the weights of the two velocities, divided by the reference's step. Solver and times have to be
equal, the misfit below 1e-3 (or eight noise floors), and a weight has to differ by more than 1e-3.

**Example.**

```python
# torch, wrong
v = v_uncond + w * (v_cond - v_uncond)
# torch, right
v = (1 + w) * v_cond - w * v_uncond
# MLX, wrong
v = v_uncond + w * (v_cond - v_uncond)
# MLX, right
v = (1 + w) * v_cond - w * v_uncond
```

**Fix.** Mix the velocities as the reference does. Safety: lossy (equal within the number format).

**References.** Ho and Salimans 2022, Classifier-Free Diffusion Guidance.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import sampling

CODE = "PAR042"
NAME = "cfg-formula"
RANK = 12
SEARCHES = (sampling.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same solver and times, with another mix of the two velocities."""
    pair = sampling.compare_samplers(case, floor)
    if pair is None or not pair.has_same_method or not pair.has_same_times:
        return
    mix = pair.find_step_mix()
    if mix is None or mix.is_longer_step:
        return
    reference, candidate = _describe_mix(mix.reference), _describe_mix(mix.candidate)
    yield Explanation(
        NAME,
        {"reference": mix.reference, "candidate": mix.candidate},
        mix.residual,
        f"it moves by {candidate}, the reference by {reference}",
        fix=f"v = {reference}",
    )


def _describe_mix(weights: tuple[float, float]) -> str:
    return f"{weights[0]:.4g} v_cond {weights[1]:+.4g} v_uncond"
