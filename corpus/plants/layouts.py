"""Defects of layout and parametrisation: the same values in another order, or as other factors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.networks import Arrays, Network, WeightKind, draw_trained_weights
from corpus.plant import PlantedDefect, register_planter

TO_MLX: dict[WeightKind, tuple[int, ...]] = {
    "conv1d": (0, 2, 1),
    "conv_transpose1d": (1, 2, 0),
    "conv2d": (0, 2, 3, 1),
    "linear": (1, 0),
}


def moves(array: NDArray[Any], axes: tuple[int, ...]) -> bool:
    """Whether the permutation changes the shape or the order of the elements."""
    moved = array.transpose(axes)
    return moved.shape != array.shape or not np.array_equal(moved, array)


def permuted(network: Network, kind: WeightKind, cause: str) -> PlantedDefect | None:
    names = [
        name for name in network.names_of_kind(kind) if moves(network.weights[name], TO_MLX[kind])
    ]
    if not names:
        return None
    candidate = dict(network.weights)
    for name in names:
        candidate[name] = np.ascontiguousarray(candidate[name].transpose(TO_MLX[kind]))
    return PlantedDefect(cause, candidate, network.weights, frozenset(names))


@register_planter("layout-conv1d")
def conv1d(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    return permuted(network, "conv1d", "layout-conv1d")


@register_planter("layout-conv-transpose1d")
def conv_transpose1d(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    return permuted(network, "conv_transpose1d", "layout-conv-transpose1d")


@register_planter("layout-conv-transpose1d")
def square_conv_transpose1d(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """In and out channels are equal, so that the shape does not show that they were exchanged."""
    name = "up_square.weight"
    reference = dict(network.weights) | {
        name: draw_trained_weights((12, 12, 8), "conv_transpose1d", rng)
    }
    candidate = reference | {name: np.ascontiguousarray(reference[name].transpose(1, 0, 2))}
    return PlantedDefect("layout-conv-transpose1d", candidate, reference, frozenset({name}))


@register_planter("layout-conv2d")
def conv2d(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    return permuted(network, "conv2d", "layout-conv2d")


@register_planter("layout-linear")
def linear(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """All linear layers (in, out), the square ones among them."""
    return permuted(network, "linear", "layout-linear")


@register_planter("layout-mixed")
def mixed(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """A file in MLX layout of which a few convolutions were left, or put back, in torch's."""
    names = [
        name for name in network.names_of_kind("conv1d") if moves(network.weights[name], (0, 2, 1))
    ]
    if len(names) < 4:
        return None
    odd = {names[int(i)] for i in rng.choice(len(names), 1 + len(names) // 8, replace=False)}
    reference = dict(network.weights)
    for name in names:
        reference[name] = np.ascontiguousarray(reference[name].transpose(0, 2, 1))
    candidate = reference | {name: network.weights[name] for name in odd}
    return PlantedDefect("layout-mixed", candidate, reference, frozenset(odd))


@register_planter("layout-fortran")
def fortran(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """Column-major bytes read as row-major: the shape is right, the order is not."""
    names = [
        name
        for name in network.names_of_kind("conv1d", "linear", "conv_transpose1d")
        if network.weights[name].ndim >= 2
    ]
    names = [name for name in names if sum(side > 1 for side in network.weights[name].shape) >= 2]
    chosen = [names[int(i)] for i in rng.choice(len(names), min(4, len(names)), replace=False)]
    candidate = dict(network.weights)
    for name in chosen:
        array = candidate[name]
        candidate[name] = array.ravel(order="F").reshape(array.shape)
    return PlantedDefect("layout-fortran", candidate, network.weights, frozenset(chosen))


def weight_normed(network: Network, names: list[str], style: str) -> tuple[Arrays, Arrays]:
    """The network with g and v for each weight in `names`, and the same fused (in float64, then cast)."""
    suffixes = {
        "old": ("weight_g", "weight_v"),
        "new": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    }[style]
    unfused: Arrays = {}
    fused: Arrays = {}
    for name, array in network.weights.items():
        if name not in names:
            unfused[name] = fused[name] = array
            continue
        module = name.removesuffix("weight")
        norm = np.sqrt(
            (array.astype(np.float64) ** 2).sum(tuple(range(1, array.ndim)), keepdims=True)
        )
        gain = (norm * (1 + 0.3 * np.cos(np.arange(norm.size)).reshape(norm.shape))).astype(
            np.float32
        )
        unfused[module + suffixes[0]], unfused[module + suffixes[1]] = gain, array
        fused[name] = (gain.astype(np.float64) * array.astype(np.float64) / norm).astype(np.float32)
    return unfused, fused


def factors(unfused: Arrays) -> frozenset[str]:
    return frozenset(
        name
        for name in unfused
        if name.endswith(("weight_g", "weight_v", "original0", "original1"))
    )


@register_planter("weight-norm-unfused")
def weight_norm_unfused(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    names = network.names_of_kind("conv1d", "conv_transpose1d")
    unfused, fused = weight_normed(network, names, ("old", "new")[int(rng.integers(2))])
    return PlantedDefect(
        "weight-norm-unfused", unfused, fused, factors(unfused), expected=fused, exact=False
    )


@register_planter("weight-norm-axis")
def weight_norm_axis(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """A transposed convolution fused with the norm taken over the wrong axis: a legal shape, wrong gains."""
    names = [
        n for n in network.names_of_kind("conv_transpose1d") if network.weights[n].shape[0] > 1
    ]
    if not names:
        return None
    square = {
        f"{n.removesuffix('weight')}square.weight": draw_trained_weights(
            (16, 16, 4), "conv_transpose1d", rng
        )
        for n in names[:1]
    }
    grown = Network(
        network.name,
        network.weights | square,
        network.kinds | dict.fromkeys(square, "conv_transpose1d"),
    )
    name = next(iter(square))
    unfused, _ = weight_normed(grown, [name], "old")
    gain, vectors = unfused[name + "_g"].astype(np.float64), unfused[name + "_v"].astype(np.float64)
    wrong = gain.reshape(1, -1, 1) * vectors / np.sqrt((vectors**2).sum((0, 2), keepdims=True))
    candidate = {key: array for key, array in unfused.items() if not key.startswith(name)} | {
        name: wrong.astype(np.float32)
    }
    return PlantedDefect(
        "weight-norm-axis", candidate, unfused, frozenset({name}), repairable=False
    )


@register_planter("weight-norm-swapped")
def weight_norm_swapped(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """original0 is g; a loader that took it for v stores the two the wrong way round."""
    names = network.names_of_kind("conv1d", "conv_transpose1d")
    style = ("old", "new")[int(rng.integers(2))]
    unfused, _ = weight_normed(network, names, style)
    first, second = {
        "old": ("weight_g", "weight_v"),
        "new": ("weight.original0", "weight.original1"),
    }[style]
    exchange = {
        name: name.replace(first, second) if first in name else name.replace(second, first)
        for name in factors(unfused)
    }
    candidate = {exchange.get(name, name): array for name, array in unfused.items()}
    moved = frozenset(
        n
        for n in factors(unfused)
        if candidate[n].shape != unfused[n].shape or not np.array_equal(candidate[n], unfused[n])
    )
    return PlantedDefect("weight-norm-swapped", candidate, unfused, moved)


@register_planter("qkv-fused")
def qkv_fused(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    candidate = dict(network.weights)
    used: set[str] = set()
    for name in list(candidate):
        if name.endswith("attn1.to_q.weight"):
            parts = [name.replace("to_q", f"to_{part}") for part in "qkv"]
            candidate[name.replace("to_q", "in_proj")] = np.concatenate(
                [candidate.pop(part) for part in parts]
            )
            used.update(parts)
    fused = frozenset(name for name in candidate if "in_proj" in name)
    return PlantedDefect("qkv-fused", candidate, network.weights, fused) if used else None


@register_planter("qkv-order")
def qkv_order(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    names = [name for name in network.weights if name.endswith("to_qkv.weight")]
    if not names:
        return None
    order = ((0, 2, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0))[int(rng.integers(4))]
    candidate = dict(network.weights)
    for name in names:
        blocks = np.split(candidate[name], 3)
        candidate[name] = np.concatenate([blocks[index] for index in order])
    return PlantedDefect("qkv-order", candidate, network.weights, frozenset(names))


@register_planter("qkv-order")
def qkv_heads_interleaved(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """(heads, q|k|v, width) where (q|k|v, heads, width) is expected."""
    names = [name for name in network.weights if name.endswith("to_qkv.weight")]
    if not names:
        return None
    candidate = dict(network.weights)
    for name in names:
        rows, width = candidate[name].shape
        heads = 4
        blocks = candidate[name].reshape(3, heads, rows // 3 // heads, width)
        candidate[name] = np.ascontiguousarray(blocks.transpose(1, 0, 2, 3)).reshape(rows, width)
    return PlantedDefect("qkv-order", candidate, network.weights, frozenset(names))


@register_planter("gate-order")
def gate_order(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    kind: WeightKind = ("lstm", "gru")[int(rng.integers(2))]
    weights = network.names_of_kind(kind)
    if not weights:
        return None
    order = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}[kind]
    names = weights + [name.replace("weight", "bias") for name in weights]
    candidate = dict(network.weights)
    for name in names:
        blocks = np.split(candidate[name], len(order))
        candidate[name] = np.concatenate([blocks[index] for index in order])
    return PlantedDefect("gate-order", candidate, network.weights, frozenset(names))


@register_planter("norm-folded")
def norm_folded(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """BatchNorm folded into the convolution in front of it."""
    if not network.normed:
        return None
    candidate = dict(network.weights)
    where: set[str] = set()
    for conv, norm in network.normed:
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, var = (
            candidate.pop(f"{norm}.{part}").astype(np.float64) for part in parts
        )
        candidate.pop(f"{norm}.num_batches_tracked")
        scale = gamma / np.sqrt(var + 1e-5)
        weight, bias = candidate[f"{conv}.weight"], candidate[f"{conv}.bias"]
        candidate[f"{conv}.weight"] = (weight * scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(
            np.float32
        )
        candidate[f"{conv}.bias"] = ((bias - mean) * scale + beta).astype(np.float32)
        where |= {f"{conv}.weight", f"{conv}.bias"}
    return PlantedDefect(
        "norm-folded", candidate, network.weights, frozenset(where), repairable=False
    )


@register_planter("lora-unmerged")
def lora_unmerged(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    names = [
        name for name in network.names_of_kind("linear") if min(network.weights[name].shape) >= 16
    ][:3]
    if not names:
        return None
    candidate, reference = dict(network.weights), dict(network.weights)
    where: set[str] = set()
    for name in names:
        module = name.removesuffix(".weight")
        out, inner = candidate[name].shape
        down = draw_trained_weights((4, inner), "linear", rng)
        up = 0.1 * draw_trained_weights((out, 4), "linear", rng)
        candidate[f"{module}.lora_A.weight"], candidate[f"{module}.lora_B.weight"] = down, up
        reference[name] = (
            candidate[name].astype(np.float64)
            + 2.0 * up.astype(np.float64) @ down.astype(np.float64)
        ).astype(np.float32)
        where |= {name, f"{module}.lora_A.weight", f"{module}.lora_B.weight"}
    return PlantedDefect(
        "lora-unmerged", candidate, reference, frozenset(where), expected=reference, exact=False
    )


@register_planter("snake-parametrisation")
def snake(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    names = network.names_of_kind("snake")
    if not names:
        return None
    candidate = dict(network.weights)
    for name in names:
        candidate[name] = np.exp(candidate[name].astype(np.float64)).astype(np.float32)
    return PlantedDefect(
        "snake-parametrisation", candidate, network.weights, frozenset(names), exact=False
    )
