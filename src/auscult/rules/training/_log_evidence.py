"""What several rules ask of a log: which names are losses of a critic or of the generator, and when
the one won over the other.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auscult.preflight_checks.log_series import LogPoint, LogSeries

CRITIC_NAME = re.compile(r"(^|[/_ .-])(disc\w*|d|dis)([/_ .-]|$)|discriminator", re.IGNORECASE)
GENERATOR_NAME = re.compile(r"(^|[/_ .-])(gen\w*|g|adv\w*)([/_ .-]|$)|generator", re.IGNORECASE)
LOSS_NAME = re.compile(r"loss|error|(^|[/_ .-])(l1|mse|nll|kl)([/_ .-]|$)", re.IGNORECASE)
PERPLEXITY_NAME = re.compile(r"(^|[/_ .-])(ppl|perplexity)", re.IGNORECASE)
RATE_NAME = re.compile(r"(^|[/_ .-])(lr|learning[_ ]?rate)([_ /.-]?\w*)?$", re.IGNORECASE)
MIN_CRITIC_SHARE = 0.01
"""Share of its median below which a critic's loss is at nothing. Chosen, not measured."""
MIN_GROWTH = 10.0
"""Times its median at which a generator's loss has left its course. Chosen, not measured."""


@dataclass(frozen=True)
class Imbalance:
    """Where the critic's loss was at nothing while the generator's grew."""

    critic: str
    generator: str
    where: LogPoint
    critic_value: float
    generator_value: float
    generator_median: float


def is_loss(name: str) -> bool:
    """Whether a name speaks of a loss."""
    return LOSS_NAME.search(name) is not None


def find_imbalance(log: Iterable[LogSeries]) -> Imbalance | None:
    """The first record in which a critic has won; None where none has."""
    losses = [series for series in log if is_loss(series.name)]
    critics = [series for series in losses if CRITIC_NAME.search(series.name)]
    generators = [
        series
        for series in losses
        if GENERATOR_NAME.search(series.name) and not CRITIC_NAME.search(series.name)
    ]
    for critic in critics:
        for generator in generators:
            for found in _iter_imbalances(critic, generator):
                return found
    return None


def _iter_imbalances(critic: LogSeries, generator: LogSeries) -> Iterator[Imbalance]:
    critic_median = find_median(critic.values)
    generator_median = find_median(generator.values)
    if critic_median <= 0.0 or generator_median <= 0.0:
        return
    generator_by_place = {_key(point): point for point in generator.points}
    for point in critic.points:
        other = generator_by_place.get(_key(point))
        if other is None or not point.value < MIN_CRITIC_SHARE * critic_median:
            continue
        if other.value > MIN_GROWTH * generator_median:
            yield Imbalance(
                critic.name, generator.name, point, point.value, other.value, generator_median
            )


def _key(point: LogPoint) -> int | str:
    return point.where if point.step is None else point.step


def find_median(values: Sequence[float]) -> float:
    """The middle of the finite values, the lower of two; 0 for none."""
    finite_values = [value for value in values if math.isfinite(value)]
    return statistics.median_low(finite_values) if finite_values else 0.0


def describe_imbalance(log: Iterable[LogSeries]) -> str:
    """The imbalance in words; empty where there is none."""
    found = find_imbalance(log)
    if found is None:
        return ""
    return (
        f"at {found.where} the discriminator's loss ({found.critic}) is {found.critic_value:.3g} while"
        f" the generator's ({found.generator}) is {found.generator_value:.4g}, usually"
        f" {found.generator_median:.3g}"
    )
