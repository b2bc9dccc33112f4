"""Outputs that are start noise: a sampler gives its start noise back when its estimator says
nothing, as with weights that were not loaded.

In: the modules of two traces and their alignment. Out: the pairs of which the candidate's output
has the statistics of independent normal draws, and the reference's has not.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log1p, pi, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from auscult.comparison.align.axes import to_reference_order
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.modules import ModuleTree
from auscult.comparison.steps import find_iterated_pairs
from auscult.explain.case import Explanation
from auscult.explain.mistakes.par001_velocity_zero import NAME as VELOCITY_ZERO
from auscult.traces.records import Record, TensorStatistics, Trace
from auscult.traces.sketch import SAMPLE_SIZE

MAX_SIGMAS = 4.5
"""How far a moment of independent normal draws may lie from its expectation, in standard errors.

Chosen, not measured.
"""
MIN_TAIL_PROBABILITY = 1e-6
"""The largest magnitude of normal draws may be as rare as this, on either side.

Chosen, not measured.
"""
MAX_OFFSET = 0.09
"""Mean of the output of a solver whose velocity is next to nothing: up to 54 % of the values on one
side of 0.

Chosen, not measured.
"""
MIN_CORRELATION = 0.9
"""Correlation of such an output with a recorded draw of its size, where there is one.

Chosen, not measured.
"""
MIN_NOISE_VALUES = 256
"""Values that a tensor needs before its statistics say that it is noise.

Chosen, not measured.
"""


def find_noise_moments(statistics: TensorStatistics, count: int) -> dict[str, float] | None:
    """The moments of `count` values, if they are those of independent standard normal draws; None
    if not.

    Mean 0 to within `MAX_OFFSET`, so that about as many are above zero as below, and about that
    mean deviation 1, the quantiles of the normal distribution, and a largest magnitude near its
    expectation: for n = 10,880 that is 4.0, and 3.4 to 5.3 in 99.9 % of draws.
    """
    if count < MIN_NOISE_VALUES or statistics.non_finite or not statistics.quantiles:
        return None
    peak = max(-statistics.low, statistics.high)
    expected = compute_median_peak(count)
    sample_size = min(count, SAMPLE_SIZE)
    levels = np.linspace(0, 1, len(statistics.quantiles))[1:-1]
    levels = np.clip(levels, 0.5 / sample_size, 1 - 0.5 / sample_size)
    normal = ndtri(levels)
    density = np.exp(-(normal**2) / 2) / sqrt(2 * pi)
    # Standard error of a sample quantile: sqrt(p (1 - p) / n) / density.
    errors = np.sqrt(levels * (1 - levels) / sample_size) / density
    shift = 0.0
    if abs(statistics.mean) > MAX_SIGMAS / sqrt(count):
        shift = statistics.mean
    quantiles = np.array(statistics.quantiles[1:-1])
    worst = float(np.max(np.abs(quantiles - shift - normal) / errors))
    is_noise_like = (
        abs(statistics.mean) < max(MAX_SIGMAS / sqrt(count), MAX_OFFSET)
        and abs(statistics.std - 1.0) < MAX_SIGMAS / sqrt(2 * count)
        and is_plausible_peak(peak - abs(shift), count)
        and worst < MAX_SIGMAS
    )
    if not is_noise_like:
        return None
    return {
        "mean": statistics.mean,
        "std": statistics.std,
        "peak": peak,
        "expected_peak": expected,
        "values": float(count),
    }


def compute_median_peak(count: int) -> float:
    """Median of the largest magnitude of `count` standard normal draws: (2Φ(x) - 1)ⁿ = 1/2."""
    return float(-ndtri((1.0 - 0.5 ** (1.0 / count)) / 2.0))


def is_plausible_peak(peak: float, count: int) -> bool:
    """Whether the largest magnitude of `count` standard normal draws may be that: neither tail
    below MIN_TAIL_PROBABILITY.
    """
    if peak <= 0:
        return False
    below = exp(count * log1p(-2.0 * float(ndtr(-peak))))
    return MIN_TAIL_PROBABILITY < below < 1.0 - MIN_TAIL_PROBABILITY


def explain_start_noise(candidate: Trace, a: Record, b: Record) -> Explanation | None:
    """`velocity-zero`, if the candidate's output b has the statistics of start noise where the
    reference's a has not.
    """
    count = int(np.prod(b.shape))
    if find_noise_moments(a.statistics, int(np.prod(a.shape))) is not None:
        return None
    moments = find_noise_moments(b.statistics, count)
    if moments is None:
        return None
    sentence = (
        f"its output has the statistics of {count} standard normal draws (mean"
        f" {moments['mean']:.3f}, deviation {moments['std']:.3f}, largest magnitude"
        f" {moments['peak']:.2f} where {moments['expected_peak']:.2f} is expected), the reference's"
        " has not: the state never left the start noise, as if the estimator's weights were not"
        " in use"
    )
    correlation = _correlate_with_noise(candidate, b)
    if correlation is not None and correlation < MIN_CORRELATION:
        return None
    evidence: dict[str, object] = {**moments}
    if correlation is not None:
        evidence["correlation_with_noise"] = correlation
    return Explanation(VELOCITY_ZERO, says=sentence, reproduced=False, evidence=evidence)


def _correlate_with_noise(trace: Trace, record: Record) -> float | None:
    """The largest correlation of an output with a recorded draw of its size."""
    if record.stored != "full":
        return None
    values = trace.tensor(record)
    draws = (
        trace.tensor(r)
        for r in trace.records
        if r.role == "noise" and np.prod(r.shape) == np.prod(record.shape)
    )
    turned_draws = [to_reference_order(values, draw, {}) for draw in draws]
    fitting = [draw for draw in turned_draws if draw.shape == values.shape]
    return max(
        (float(np.corrcoef(values.ravel(), draw.ravel())[0, 1]) for draw in fitting), default=None
    )


def find_noisy_pairs(
    reference: ModuleTree, candidate: ModuleTree, alignment: LayerAlignment
) -> Iterator[tuple[LayerPair, Explanation]]:
    """The first of the modules that own a loop, and the whole model, of which the candidate's gives
    start noise.

    Any other layer may well give such values: that is what a normalisation is for, and what a
    velocity looks like.
    """
    owners = {
        reference.modules[pair.a].parent for pair in find_iterated_pairs(reference, alignment)
    }
    for pair in alignment.pairs:
        if pair.a and pair.a not in owners:
            continue
        a, b = reference.modules[pair.a].output(), candidate.modules[pair.b].output()
        if a is None or b is None:
            continue
        explanation = explain_start_noise(candidate.trace, a, b)
        if explanation is not None:
            yield pair, explanation
            return
