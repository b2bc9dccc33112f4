"""The two sides drew other noise: nothing behind the draw can be compared.

**What it finds.** Two draws of one distribution that have nothing to do with each other, where one
side should have used the other's.

**What you hear.** Nothing wrong: both sides may be correct, and give two renditions of the same
thing.

**Why it happens.** A seed gives other numbers in another framework, on another device, or after
another number of draws. `torch.manual_seed(0)` and `mx.random.seed(0)` agree in nothing.

**Blind spots.** Noise of different length cannot be told from another fault.

**How it is measured.** The two tensors have at least 64 elements of one shape, equal mean and
deviation within six standard errors, a correlation within six standard errors of zero, and differ
by more than half of their size. Outside of a sampler or a recorded draw, the reference's tensor has
to look like a standard normal one besides: mean, deviation and kurtosis within four standard
errors.

**Example.**

```python
# torch, wrong
torch.manual_seed(0)
noise = torch.randn(1, 64, 100)  # other numbers than MLX draws
# torch, right
noise = torch.from_numpy(np.load("noise.npy"))
# MLX, wrong
mx.random.seed(0)
noise = mx.random.normal((1, 64, 100))
# MLX, right
noise = mx.load("noise.npy")
```

**Fix.** Replay the reference's noise on the candidate's side. Safety: guess.

**References.** MLX and PyTorch documentation on random number generation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import orient_axes, relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import sampling
from auscult.finding import Severity
from auscult.weights import Array

CODE = "PAR002"
NAME = "noise-differs"
RANK = 4
SEVERITY = Severity.INFO
SEARCHES = (sampling.SEARCH,)
MIN_ELEMENTS = 64
"""Fewer may agree or differ by chance.

Chosen, not measured."""
MAX_STANDARD_ERRORS = 6.0
"""How far mean, deviation and correlation of two draws may lie from what they should be.

Chosen, not measured."""
MAX_CORRELATION = 0.3
"""Of two draws, however few elements they have: of 64, six standard errors would be 0.75.

Chosen, not measured."""
MAX_NORMAL_STANDARD_ERRORS = 4.0
"""The same for the moments of one tensor that has to be a standard normal draw.

Chosen, not measured."""
MIN_ERROR = 0.5
"""Relative error of two draws; independent ones differ by 1.4 of their size.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Two independent draws of one distribution: not a mistake, but nothing can be compared behind it."""
    if case.reference_steps is None or case.candidate_steps is None:
        reference, candidate = case.reference, case.candidate
    else:
        runs = sampling.read_sampler_runs(case, floor)
        if runs is None:
            return
        reference = runs[0].states[0]
        candidate = orient_axes(reference, runs[1].states[0])
    if (
        reference.shape != candidate.shape
        or reference.dtype.kind != "f"
        or reference.size < MIN_ELEMENTS
    ):
        return
    x, y = to_float64(reference).ravel(), to_float64(candidate).ravel()
    is_known_draw = case.reference_steps is not None or case.role == "noise"
    if not is_known_draw and not case.draws_noise:
        return
    if not is_known_draw and not _is_standard_normal(x):
        return
    if not x.std() or not y.std():
        return
    correlation = float(np.corrcoef(x, y)[0, 1])
    if _are_independent_draws(x, y, correlation):
        message = (
            f"the two sides drew other noise (correlation {correlation:.2g}, same mean and"
            " deviation): seeds are not portable"
        )
        yield Explanation(
            NAME,
            {"correlation": correlation},
            0.0,
            message,
            fix="replay the reference's noise",
            complexity=0,
        )


def _are_independent_draws(x: Array, y: Array, correlation: float) -> bool:
    is_same_mean = abs(x.mean() - y.mean()) < MAX_STANDARD_ERRORS * x.std() / np.sqrt(x.size)
    is_same_deviation = abs(np.log(y.std() / x.std())) < MAX_STANDARD_ERRORS / np.sqrt(2 * x.size)
    is_uncorrelated = abs(correlation) < min(MAX_STANDARD_ERRORS / np.sqrt(x.size), MAX_CORRELATION)
    return bool(
        is_same_mean and is_same_deviation and is_uncorrelated and relative_error(y, x) > MIN_ERROR
    )


def _is_standard_normal(x: Array) -> bool:
    """Mean, deviation and kurtosis of a normal with mean 0 and deviation 1."""
    n = x.size
    return bool(
        abs(x.mean()) < MAX_NORMAL_STANDARD_ERRORS / np.sqrt(n)
        and abs(x.std() - 1) < MAX_NORMAL_STANDARD_ERRORS / np.sqrt(2 * n)
        and abs(np.mean(x**4) - 3) < MAX_NORMAL_STANDARD_ERRORS * np.sqrt(96 / n)
    )
