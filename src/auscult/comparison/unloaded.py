"""Runs that did not load their weights, recognised from the trace alone.

By the fingerprints of the weights in the manifests: layers that own other content than the
reference's, and whether it has the scale that constructors draw. And by the output: what a sampler
gives back when its estimator says nothing has the statistics of its start noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, log1p, pi, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from auscult.comparison.align.axes import to_reference_order
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.comparison.steps import find_iterated_pairs
from auscult.explain.case import Explanation
from auscult.traces.fingerprint import is_close_content, is_same_content
from auscult.traces.records import Record, TensorStatistics, Trace
from auscult.weights import ModuleInfo

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
MIN_NOISE_VALUES = 256
"""Values that a tensor needs before its statistics say that it is noise, or freshly drawn.

Chosen, not measured.
"""
MIN_CORRELATION = 0.9
"""Correlation of such an output with a recorded draw of its size, where there is one.

Chosen, not measured.
"""
FRESH_SLACK = 0.03
"""Relative deviation of the rms of a freshly drawn weight from what its constructor draws.

Chosen, not measured.
"""
FUSED_TOLERANCE, ROUNDED_TOLERANCE = 1e-5, 1e-2
"""How far mean and rms of one content may lie apart, relative to the rms, in one format of 32 bits
or more, and in two.

Chosen, not measured.
"""
OUTPUT_COUNT_ATTRIBUTES = ("out_channels", "out_features", "output_dims")


@dataclass(frozen=True)
class WeightOwnership:
    """Which paired layers own the reference's weights.

    Attributes:
        same, other: Reference paths of layers whose content is the reference's, or is not, in
            whatever axis order or format.
        fresh: Those of `other` whose content has the scale that constructors draw, and not the
            reference's.
    """

    same: tuple[str, ...]
    other: tuple[str, ...]
    fresh: tuple[str, ...]


def compare_owned_weights(
    reference: ModuleTree, candidate: ModuleTree, alignment: LayerAlignment
) -> WeightOwnership:
    """Compare the fingerprints of the weights that aligned layers own."""
    same_paths: list[str] = []
    other_paths: list[str] = []
    fresh_paths: list[str] = []
    for pair in alignment.pairs:
        if not pair.is_single or pair.by == "derived":
            continue
        a, b = reference.modules[pair.a], candidate.modules[pair.b]
        is_owned = _has_same_content(a, b)
        is_constant = is_owned is None and _is_constant(
            a, candidate.trace.manifest.weights.get(pair.b, {}).values()
        )
        if is_owned is None and not is_constant:
            continue
        if is_owned:
            same_paths.append(pair.a)
        else:
            other_paths.append(pair.a)
        if is_constant or (
            not is_owned and _is_fresh(b, candidate.trace.manifest.modules.get(pair.b))
        ):
            fresh_paths.append(pair.a)
    return WeightOwnership(tuple(same_paths), tuple(other_paths), tuple(fresh_paths))


def _has_same_content(a: TracedModule, b: TracedModule) -> bool | None:
    """Whether b owns a's content; None where nothing tells.

    Every parameter of b that has an equal in size must have one.
    """
    if not a.weights or not b.weights:
        return None
    sizes = {text.split(":")[0] for text in a.weights}
    comparable_weights = [text for text in b.weights if text.split(":")[0] in sizes]
    if not comparable_weights:
        return None
    return all(_has_same_fingerprint(a, text) for text in comparable_weights)


def _has_same_fingerprint(module: TracedModule, text: str) -> bool:
    return any(_is_same_fingerprint(own_text, text) for own_text in module.weights)


def _is_constant(a: TracedModule, fingerprints: Iterable[str]) -> bool:
    """Whether the candidate has tensors of one value each where the reference has values: the ones
    and zeros of a fresh norm.
    """
    sizes = {text.split(":")[0] for text in a.weights}
    fitting = [text.split(":") for text in fingerprints if text.split(":")[0] in sizes]
    return bool(fitting) and all(parts[3] == parts[4] for parts in fitting)


def _is_same_fingerprint(text: str, other: str) -> bool:
    """Equal content, or equal but for rounding: of the coarser format, or of fusing a weight
    norm.
    """
    widths = text.split(":")[1], other.split(":")[1]
    if widths[0] == widths[1] and int(widths[0]) >= 4:
        tolerance = FUSED_TOLERANCE
    else:
        tolerance = ROUNDED_TOLERANCE
    return is_same_content(text, other) or is_close_content(text, other, tolerance)


def _is_fresh(module: TracedModule, info: ModuleInfo | None) -> bool:
    """Whether its largest weight is as torch's and MLX's linear and convolution layers draw it:
    uniform in ±1/√fan_in.
    """
    outputs = None
    if info:
        counts = [info.attributes.get(name) for name in OUTPUT_COUNT_ATTRIBUTES]
        outputs = next((count for count in counts if count is not None), None)
    size, rms = max((int(text.split(":")[0]), float(text.split(":")[6])) for text in module.weights)
    if not isinstance(outputs, int) or not outputs or size < MIN_NOISE_VALUES:
        return False
    expected = 1.0 / sqrt(3.0 * size / outputs)
    return abs(rms - expected) < FRESH_SLACK * expected


def explain_ownership(ownership: WeightOwnership, path: str) -> Explanation | None:
    """What the fingerprints say of a layer with an error of its own; None where it owns what it
    should.
    """
    if path not in ownership.other:
        return None
    counts = {
        "layers_same": len(ownership.same),
        "layers_other": len(ownership.other),
        "layers_fresh": len(ownership.fresh),
    }
    total = len(ownership.same) + len(ownership.other)
    if not ownership.same and path in ownership.fresh:
        sentence = (
            f"none of the {total} layers own the reference's weights, and this one's have the scale"
            " that a constructor draws"
        )
        cause = "untrained"
    elif path in ownership.fresh:
        sentence = (
            "its weights are not the reference's but as a constructor draws them;"
            f" {len(ownership.same)} of {total} layers own theirs"
        )
        cause = "partial-load"
    else:
        sentence = (
            f"its weights are not the reference's; {len(ownership.same)} of {total} layers own"
            " theirs"
        )
        cause = "other-weights"
    return Explanation(
        cause,
        says=sentence,
        reproduced=False,
        evidence=counts,
        fix="load the reference's weights into this layer",
    )


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
    quantile_count = len(statistics.quantiles)
    sample_size = min(count, 4096)
    levels = np.clip(np.linspace(0, 1, quantile_count), 0.5 / sample_size, 1 - 0.5 / sample_size)[
        1:-1
    ]
    normal = ndtri(levels)
    # Standard error of a sample quantile: sqrt(p (1 - p) / n) / density.
    errors = np.sqrt(levels * (1 - levels) / sample_size) / (
        np.exp(-(normal**2) / 2) / sqrt(2 * pi)
    )
    shift = statistics.mean if abs(statistics.mean) > MAX_SIGMAS / sqrt(count) else 0.0
    worst = float(np.max(np.abs(np.array(statistics.quantiles[1:-1]) - shift - normal) / errors))
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
    return Explanation("velocity-zero", says=sentence, reproduced=False, evidence=evidence)


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
