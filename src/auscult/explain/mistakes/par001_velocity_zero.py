"""The sampler's states never move: the estimator's velocity is zero.

**What it finds.** A sampler whose output is its start noise, or an estimator whose output is next
to nothing.

**What you hear.** Hiss. A vocoder behind it makes noise with most of its energy in the high
frequencies.

**Why it happens.** A diffusion or flow model adds the estimator's output to noise, step by step.
Many estimators end in a projection that starts at zero. If a lenient loader ignores the names of
its weights, the projection stays zero, the noise is never changed, and nothing fails.

**Blind spots.** A model whose data are themselves standard normal noise would look alike.

**How it is measured.** In the estimator: the root mean square of its output is below 1e-3 of the
reference's. In the loop: the relative distance between the candidate's first and last state is
below 1e-3 where the reference's is above 1e-2. Where only traces of the whole model are at hand:
mean, deviation, quantiles and largest value of the output are those of independent standard normal
draws, and the reference's are not.

**Example.**

```python
# torch, wrong
estimator.load_state_dict(weights, strict=False)  # no name fits, nothing is loaded
# torch, right
estimator.load_state_dict(weights, strict=True)
# MLX, wrong
estimator.load_weights(list(weights.items()), strict=False)
# MLX, right
estimator.load_weights(list(weights.items()), strict=True)
```

**Fix.** Check that the estimator's weights are loaded. Safety: lossy (equal within the number
format).

**References.** a10n-io/nightingale_TTS, whose decoder gave back its start noise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.algebra.solvers import SamplerRun
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import sampling

CODE = "PAR001"
NAME = "velocity-zero"
RANK = 5
SEARCHES = (sampling.SEARCH,)
FOUND_BY = ("comparison/start_noise.py",)
MAX_STILL_RMS = 1e-3
"""Relative rms of a velocity, or of the way of a sampler's states, that counts as none.

Chosen, not measured."""
MIN_MOVING_RMS = 1e-2
"""The least that the reference's states move, for the candidate's to count as still.

Chosen, not measured."""
FIX = "check that the estimator's weights are loaded"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The estimator itself gives nothing, or the states end as the noise that they began with."""
    if sampling.is_estimator_output(case):
        yield from _explain_zero_output(case)
    runs = sampling.read_sampler_runs(case, floor)
    if runs is not None:
        yield from _explain_still_states(*runs)


def _explain_zero_output(case: LayerCase) -> Iterator[Explanation]:
    reference_rms, candidate_rms = (
        float(np.sqrt(np.mean(to_float64(output) ** 2)))
        for output in (case.reference, case.candidate)
    )
    if reference_rms > 0 and candidate_rms < MAX_STILL_RMS * reference_rms:
        message = (
            f"its velocity has rms {candidate_rms:.2g}, the reference's {reference_rms:.2g}:"
            " the sampler's states stay the start noise"
        )
        sides = {"reference": reference_rms, "candidate": candidate_rms}
        yield Explanation(NAME, sides, 0.0, message, fix=FIX, complexity=0)


def _explain_still_states(reference: SamplerRun, candidate: SamplerRun) -> Iterator[Explanation]:
    reference_travel, candidate_travel = _measure_travel(reference), _measure_travel(candidate)
    if candidate_travel >= MAX_STILL_RMS or reference_travel <= MIN_MOVING_RMS:
        return
    if candidate.result is None:
        last_state = candidate.states[-1]
    else:
        last_state = candidate.result
    message = (
        f"its states move by {candidate_travel:.2g} of their size, the reference's by"
        f" {reference_travel:.2g}: the output is the start noise"
    )
    evidence = {
        "mean": float(last_state.mean()),
        "deviation": float(last_state.std()),
        "largest": float(np.abs(last_state).max()),
        "expected_largest_of_noise": float(np.sqrt(2 * np.log(last_state.size))),
    }
    yield Explanation(NAME, {}, 0.0, message, fix=FIX, complexity=0, evidence=evidence)


def _measure_travel(run: SamplerRun) -> float:
    end = run.states[-1] if run.result is None else run.result
    return relative_error(end, run.states[0])
