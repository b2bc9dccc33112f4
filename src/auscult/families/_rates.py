"""Strides of transposed convolutions, which no tensor shows: what is usual for a kernel, and what else is possible."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import log2, prod

COMMON_HOPS = (80, 160, 200, 240, 256, 300, 320, 441, 480, 512, 600, 1024)
"""Samples per frame of published vocoders between 16 and 48 kHz."""


def usual_rate(kernel: int) -> int:
    """Half the kernel, rounded down: what HiFi-GAN, CodeHiFiGAN, BigVGAN and HiFT all have."""
    return max(kernel // 2, 1)


def usual_rates(kernels: tuple[int, ...]) -> tuple[int, ...]:
    """The usual rate of each kernel."""
    return tuple(usual_rate(kernel) for kernel in kernels)


@lru_cache(maxsize=64)
def possible_rates(kernels: tuple[int, ...], hop: int | None = None) -> tuple[tuple[int, ...], ...]:
    """Strides that go with these kernels, the likeliest first.

    A stride is at most the kernel (or samples would be skipped) and at least a quarter of it. With `hop` given, all whose
    product is that hop; without, the usual ones and then the one nearest to them for each common hop.
    """
    usual = usual_rates(kernels)
    if hop is not None:
        return tuple(sorted(_products(kernels, hop), key=lambda rates: _distance(rates, kernels)))
    nearest = []
    for common in COMMON_HOPS:
        if common != prod(usual):
            nearest += sorted(
                _products(kernels, common), key=lambda rates: _distance(rates, kernels)
            )[:1]
    return (usual, *sorted(nearest, key=lambda rates: _distance(rates, kernels)))


def _products(kernels: tuple[int, ...], hop: int) -> Iterator[tuple[int, ...]]:
    if not kernels:
        if hop == 1:
            yield ()
        return
    kernel = kernels[0]
    for rate in range(max(kernel // 4, 2), min(kernel, hop) + 1):
        if hop % rate == 0:
            for rest in _products(kernels[1:], hop // rate):
                yield (rate, *rest)


def _distance(rates: tuple[int, ...], kernels: tuple[int, ...]) -> float:
    return sum(abs(log2(kernel / (2 * rate))) for rate, kernel in zip(rates, kernels, strict=True))
