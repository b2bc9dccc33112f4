"""Strides of transposed convolutions, which no tensor shows: what is usual for a kernel, and what else is possible."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import log2, prod

COMMON_HOPS = (80, 160, 200, 240, 256, 300, 320, 441, 480, 512, 600, 1024)
"""Samples per frame of published vocoders between 16 and 48 kHz."""


def choose_usual_rate(kernel: int) -> int:
    """Half the kernel, rounded down: what HiFi-GAN, CodeHiFiGAN, BigVGAN and HiFT all have."""
    return max(kernel // 2, 1)


def choose_usual_rates(kernels: tuple[int, ...]) -> tuple[int, ...]:
    """The usual rate of each kernel."""
    return tuple(choose_usual_rate(kernel) for kernel in kernels)


@lru_cache(maxsize=64)
def list_possible_rates(
    kernels: tuple[int, ...], hop: int | None = None
) -> tuple[tuple[int, ...], ...]:
    """Strides that go with these kernels, the likeliest first.

    A stride is at most the kernel (or samples would be skipped) and at least a quarter of it. With `hop` given, all whose
    product is that hop; without, the usual ones and then the one nearest to them for each common hop.
    """
    usual_choice = choose_usual_rates(kernels)
    if hop is not None:
        return tuple(
            sorted(
                _iter_rate_products(kernels, hop),
                key=lambda rates: _measure_distance(rates, kernels),
            )
        )
    nearest_choices = []
    for common_hop in COMMON_HOPS:
        if common_hop != prod(usual_choice):
            nearest_choices += sorted(
                _iter_rate_products(kernels, common_hop),
                key=lambda rates: _measure_distance(rates, kernels),
            )[:1]
    return (
        usual_choice,
        *sorted(nearest_choices, key=lambda rates: _measure_distance(rates, kernels)),
    )


def _iter_rate_products(kernels: tuple[int, ...], hop: int) -> Iterator[tuple[int, ...]]:
    if not kernels:
        if hop == 1:
            yield ()
        return
    kernel = kernels[0]
    for rate in range(max(kernel // 4, 2), min(kernel, hop) + 1):
        if hop % rate == 0:
            for remaining_rates in _iter_rate_products(kernels[1:], hop // rate):
                yield (rate, *remaining_rates)


def _measure_distance(rates: tuple[int, ...], kernels: tuple[int, ...]) -> float:
    return sum(abs(log2(kernel / (2 * rate))) for rate, kernel in zip(rates, kernels, strict=True))
