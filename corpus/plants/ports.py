"""Correct ports: nothing is wrong with them, so whatever is reported as an error or divergence is a false alarm."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from corpus.networks import Arrays, Network, WeightKind
from corpus.plant import PlantedDefect, register_planter
from corpus.plants.layouts import TO_MLX, weight_normed
from corpus.plants.names import RENAMINGS, rewrite


def floats(arrays: Arrays) -> list[str]:
    return [name for name, array in arrays.items() if array.dtype == np.float32]


@register_planter("port:identical")
def identical(network: Network, rng: np.random.Generator) -> PlantedDefect:
    return PlantedDefect(None, network.copy().weights, network.weights)


@register_planter("port:reordered")
def reordered(network: Network, rng: np.random.Generator) -> PlantedDefect:
    names = [list(network.weights)[int(i)] for i in rng.permutation(len(network.weights))]
    return PlantedDefect(None, {name: network.weights[name] for name in names}, network.weights)


@register_planter("port:float16")
def half(network: Network, rng: np.random.Generator) -> PlantedDefect:
    candidate = {
        n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in network.weights.items()
    }
    return PlantedDefect(None, candidate, network.weights)


@register_planter("port:bfloat16")
def brain_half(network: Network, rng: np.random.Generator) -> PlantedDefect:
    candidate = {
        n: a.astype(ml_dtypes.bfloat16) if a.dtype == np.float32 else a
        for n, a in network.weights.items()
    }
    return PlantedDefect(None, candidate, network.weights)


@register_planter("port:int8")
def int8(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """Weights rounded to 8 bits per output channel and stored dequantised, as a round trip through LiteRT leaves them."""
    candidate = dict(network.weights)
    for name in network.names_of_kind("conv1d", "linear", "conv2d"):
        array = candidate[name]
        scale = np.abs(array).max(tuple(range(1, array.ndim)), keepdims=True) / 127
        candidate[name] = (np.round(array / np.where(scale > 0, scale, 1)) * scale).astype(
            np.float32
        )
    return PlantedDefect(None, candidate, network.weights)


@register_planter("port:fused")
def fused(network: Network, rng: np.random.Generator) -> PlantedDefect:
    unfused, fused_weights = weight_normed(
        network, network.names_of_kind("conv1d", "conv_transpose1d"), "new"
    )
    return PlantedDefect(None, fused_weights, unfused)


@register_planter("port:renamed")
def renamed(network: Network, rng: np.random.Generator) -> PlantedDefect:
    for rules in RENAMINGS:
        names = rewrite(network.weights, rules)
        if any(old != new for old, new in names.items()):
            return PlantedDefect(
                None, {names[n]: a for n, a in network.weights.items()}, network.weights
            )
    return PlantedDefect(
        None, {f"port.{n}": a for n, a in network.weights.items()}, network.weights
    )


def in_mlx_layout(network: Network) -> Arrays:
    convolutions: tuple[WeightKind, ...] = ("conv1d", "conv_transpose1d", "conv2d")
    moved = {
        n: np.ascontiguousarray(network.weights[n].transpose(TO_MLX[network.kinds[n]]))
        for n in network.names_of_kind(*convolutions)
    }
    return {n: moved.get(n, a) for n, a in network.weights.items() if network.kinds[n] != "counter"}


@register_planter("port:mlx")
def mlx(network: Network, rng: np.random.Generator) -> PlantedDefect:
    return PlantedDefect(None, in_mlx_layout(network), network.weights)


@register_planter("port:mlx-float16-prefixed")
def mlx_half(network: Network, rng: np.random.Generator) -> PlantedDefect:
    arrays = {
        f"model.{n}": a.astype(np.float16) if a.dtype == np.float32 else a
        for n, a in in_mlx_layout(network).items()
    }
    return PlantedDefect(None, arrays, network.weights)
