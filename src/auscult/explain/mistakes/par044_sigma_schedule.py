"""Another schedule of times.

**What it finds.** A sampler that asks its estimator at other times: another curve, another end
point, another number of steps.

**What you hear.** Rough or smeared sound; with too few or badly placed steps, remains of the noise.

**Why it happens.** The schedule is one line of code: linear, cosine, even in log SNR. End points
are included in one library and left out in another, and some count time upwards and some downwards.

**Blind spots.** None known.

**How it is measured.** The times at which the estimator is asked are read from its calls. They
differ in number, or by more than 1e-4. Each list is named if it follows one of ten known schedules.
Where the times agree, a step that is the reference's times a number counts too.

**Example.**

```python
# torch, wrong
times = torch.linspace(0, 1, steps + 1)
# torch, right
times = 1 - torch.cos(torch.linspace(0, 1, steps + 1) * torch.pi / 2)
# MLX, wrong
times = mx.linspace(0, 1, steps + 1)
# MLX, right
times = 1 - mx.cos(mx.linspace(0, 1, steps + 1) * mx.pi / 2)
```

**Fix.** Use the reference's times. Safety: lossy (equal within the number format).

**References.** FunAudioLLM/CosyVoice; Stability-AI/stable-audio-tools.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import sampling

CODE = "PAR044"
NAME = "sigma-schedule"
RANK = 12
SEARCHES = (sampling.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The same solver at other times, or with longer steps."""
    pair = sampling.compare_samplers(case, floor)
    if pair is None or not pair.has_same_method:
        return
    if not pair.has_same_times:
        yield _explain_times(pair)
        return
    mix = pair.find_step_mix()
    if mix is not None and mix.is_longer_step:
        yield Explanation(
            NAME,
            {"reference": mix.reference, "candidate": mix.candidate},
            mix.residual,
            f"its step is {mix.candidate[0] / mix.reference[0]:.4g} times the reference's",
            fix="use the reference's times",
        )


def _explain_times(pair: sampling.SamplerPair) -> Explanation:
    reference, candidate = pair.schedules
    message = (
        f"its schedule is {candidate} ({pair.candidate.steps} steps), the reference's"
        f" {reference} ({pair.reference.steps} steps)"
    )
    sides = {"reference": reference, "candidate": candidate}
    return Explanation(NAME, sides, 0.0, message, fix=f"ask the estimator at: {reference}")
