"""Correct files in the conventions of tools: their own forms of the same weights. A report of an error is a false alarm."""

from __future__ import annotations

import numpy as np

from corpus.networks import Network
from corpus.plant import PlantedDefect, register_planter


@register_planter("port:fresh-weight-norm")
def fresh_weight_norm(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """Weight norm was applied and nothing trained since: v is the weight, g its norm over all axes but the first."""
    names = set(network.names_of_kind("conv1d", "conv_transpose1d"))
    if not names:
        return None
    style = (("_g", "_v"), (".original0", ".original1"))[int(rng.integers(2))]
    candidate = {}
    for name, array in network.weights.items():
        if name not in names:
            candidate[name] = array
            continue
        axes = tuple(range(1, array.ndim))
        norm = np.sqrt(np.square(array, dtype=np.float64).sum(axes, keepdims=True))
        stem = name
        if style[0] == ".original0":
            stem = f"{name.removesuffix('weight')}parametrizations.weight"
        candidate[stem + style[0]] = norm.astype(np.float32)
        candidate[stem + style[1]] = array
    return PlantedDefect(None, candidate, network.weights)


@register_planter("port:bookkeeping")
def bookkeeping(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """A release of averaged weights, with the flag and the counter of ema_pytorch; other counts than the reference's."""
    averaged = {f"ema_model.{name}": array for name, array in network.weights.items()}
    candidate = averaged | {"initted": np.array(True), "step": np.array(int(rng.integers(1, 99)))}
    counted = network.weights | {"step": np.array(100)}
    return PlantedDefect(None, candidate, counted if rng.integers(2) else network.weights)
