"""Elementwise functions that stand between layers, and which of them turns one tensor into another.

A function with a free constant (a slope, a limit, a factor) has it fitted, so that any value is found and the usual ones are
named exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from auscult.explain.algebra import layers as ops
from auscult.weights import Array

USUAL_FACTORS = np.unique(
    [f(top / bottom) for top in range(1, 9) for bottom in range(1, 9) for f in (float, np.sqrt)]
)
MIN_FITTED_ELEMENTS = 4
"""Elements of either sign before a slope is fitted.

Chosen, not measured."""
MIN_CLAMPED_ELEMENTS = 2
"""Elements at a limit before it counts as one.

Chosen, not measured."""
MAX_SLOPE_DIFFERENCE = 1e-6
"""How far a slope may lie from a usual one to be called so.

Chosen, not measured."""
MAX_SLOPE_MISFIT = 0.02
"""How far a fitted slope may lie from a usual one to be taken for it, as a share of it.

Chosen, not measured."""
MAX_FACTOR_MISFIT = 1e-4
"""The same for a factor.

Chosen, not measured."""
MAX_POSITIVE_MISFIT = 0.05
"""rms by which a leaky ReLU may miss the positive elements, as a share of theirs.

Chosen, not measured."""
USUAL_SLOPES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5)


@dataclass(frozen=True)
class Activation:
    """An elementwise function.

    Attributes:
        name: `identity`, `relu`, `leaky_relu`, `gelu`, `gelu_tanh`, `tanh`, `clamp`, ...
        constant: Slope of a leaky ReLU; factor of `scale`; None where there is none.
        limits: Of a clamp.
        fitted: How many constants were fitted to the data and are no usual ones.
    """

    name: str
    function: Callable[[Array], Array]
    constant: float | None = None
    limits: tuple[float, float] | None = None
    fitted: int = 0

    @property
    def says(self) -> str:
        if self.limits is not None:
            return f"{self.name}({self.limits[0]:.4g}, {self.limits[1]:.4g})"
        if self.constant is None:
            return self.name
        return f"{self.name}({self.constant:.4g})"


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""Defined by Klambauer et al. 2017."""
CONSTANT_FREE_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": ops.gelu,
    "gelu_tanh": ops.gelu_tanh,
    "gelu_fast": ops.gelu_fast,
    "silu": lambda x: x * expit(x),
    "mish": ops.mish,
    "elu": ops.elu,
    "elu(0.5)": lambda x: np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0.0))),
    "celu(0.5)": lambda x: np.where(x > 0, x, 0.5 * np.expm1(2 * np.minimum(x, 0.0))),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_sigmoid(0.2)": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "log_sigmoid": lambda x: -ops.softplus(-x),
    "tanh": np.tanh,
    "sigmoid": expit,
    "softplus": ops.softplus,
    "sin": np.sin,
    "exp": lambda x: np.exp(np.minimum(x, 80.0)),
    "abs": np.abs,
    "square": np.square,
}
LEAKY_NAMES = frozenset({"relu", "leaky_relu"})
GELU_NAMES = frozenset({"gelu", "gelu_tanh", "gelu_fast"})


def make_leaky_relu(slope: float) -> Activation:
    """Leaky ReLU; a slope of 0 is the ReLU."""
    if slope == 0:
        return Activation("relu", CONSTANT_FREE_FUNCTIONS["relu"])
    is_usual = any(abs(slope - usual_slope) < MAX_SLOPE_DIFFERENCE for usual_slope in USUAL_SLOPES)
    return Activation(
        "leaky_relu", lambda x: np.where(x >= 0, x, slope * x), slope, fitted=0 if is_usual else 1
    )


def make_clamp(low: float, high: float) -> Activation:
    return Activation("clamp", lambda x: np.clip(x, low, high), limits=(low, high))


def make_scale(factor: float) -> Activation:
    return Activation("scale", lambda x: factor * x, factor, fitted=1)


def iter_fitting_activations(x: Array, y: Array) -> Iterator[Activation]:
    """Functions that may give y from x, both flat and of one length; those with a constant are fitted to them.

    The caller checks each: a fit alone proves nothing.
    """
    for name, function in CONSTANT_FREE_FUNCTIONS.items():
        yield Activation(name, function)
    negative, positive = x < 0, x > 0
    # Where nothing is positive, a slope is a factor: no leaky ReLU shows.
    has_both_signs = min(negative.sum(), positive.sum()) >= MIN_FITTED_ELEMENTS
    if has_both_signs and np.isfinite(y[negative]).all():
        slope = float(np.median(y[negative] / x[negative]))
        if np.isfinite(slope) and abs(slope) < 1 and _is_close_in_rms(y[positive], x[positive]):
            yield make_leaky_relu(_round_to_usual_slope(slope))
    yield from _iter_fitting_clamps(x, y)
    power = float(np.dot(x, x))
    if power > 0:
        factor = float(np.dot(x, y)) / power
        if np.isfinite(factor) and factor != 0 and round_to_usual_factor(factor) != 1:
            yield make_scale(round_to_usual_factor(factor))


def _iter_fitting_clamps(x: Array, y: Array) -> Iterator[Activation]:
    """A clamp leaves what is inside, and gives its limits for the rest."""
    if not len(y) or not np.isfinite(y).all():
        return
    low, high = float(y.min()), float(y.max())
    if low == high:
        return
    span = 1e-6 * max(high - low, 1e-12)
    cut_low = (x < low - span).sum() >= MIN_CLAMPED_ELEMENTS and (
        y == low
    ).sum() >= MIN_CLAMPED_ELEMENTS
    cut_high = (x > high + span).sum() >= MIN_CLAMPED_ELEMENTS and (
        y == high
    ).sum() >= MIN_CLAMPED_ELEMENTS
    if cut_low or cut_high:
        limits = (low if cut_low else -np.inf, high if cut_high else np.inf)
        yield make_clamp(*limits)


def _is_close_in_rms(a: Array, b: Array) -> bool:
    if not len(a):
        return True
    spread = np.sqrt(np.mean(b**2)) or 1.0
    return bool(np.sqrt(np.mean((a - b) ** 2)) < MAX_POSITIVE_MISFIT * spread)


def _round_to_usual_slope(slope: float) -> float:
    nearest_slope = min(USUAL_SLOPES, key=lambda usual_slope: abs(usual_slope - slope))
    if abs(nearest_slope - slope) < MAX_SLOPE_MISFIT * max(nearest_slope, 1e-3):
        return nearest_slope
    return slope


def round_to_usual_factor(factor: float) -> float:
    """A factor that is nearly a ratio of small integers or a square root of one is taken as such."""
    nearest_ratio = float(USUAL_FACTORS[np.abs(USUAL_FACTORS - abs(factor)).argmin()])
    if abs(nearest_ratio - abs(factor)) < MAX_FACTOR_MISFIT * nearest_ratio:
        return float(np.copysign(nearest_ratio, factor))
    return factor
