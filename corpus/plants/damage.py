"""Defects of content: values that were lost, damaged, read as another type, or never trained."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from corpus.networks import Arrays, Network, WeightKind
from corpus.plant import PlantedDefect, register_planter


def pick(
    network: Network, rng: np.random.Generator, *kinds: WeightKind, least: int = 64
) -> str | None:
    """One tensor of these kinds with at least `least` values."""
    names = [name for name in network.names_of_kind(*kinds) if network.weights[name].size >= least]
    return names[int(rng.integers(len(names)))] if names else None


def fresh(name: str, arrays: Arrays, rng: np.random.Generator) -> NDArray[Any]:
    """What torch's Conv and Linear start from: uniform within 1/sqrt(fan_in)."""
    shape = arrays[name].shape
    bound = 1 / np.sqrt(np.prod(shape[1:]))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


@register_planter("untrained")
def untrained(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    names = [
        name
        for name in network.names_of_kind("conv1d", "linear")
        if network.weights[name].size >= 256
    ]
    chosen = [names[int(i)] for i in rng.choice(len(names), min(3, len(names)), replace=False)]
    candidate = dict(network.weights)
    style = int(rng.integers(3))
    for name in chosen:
        shape = candidate[name].shape
        candidate[name] = (
            fresh(name, candidate, rng),
            np.zeros(shape, np.float32),
            np.full(shape, 0.01, np.float32),
        )[style]
    return PlantedDefect(
        "untrained", candidate, network.weights, frozenset(chosen), repairable=False
    )


@register_planter("non-finite")
def non_finite(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    name = pick(network, rng, "conv1d", "linear", "conv_transpose1d", "embedding")
    if name is None:
        return None
    damaged = network.weights[name].copy()
    damaged.reshape(-1)[rng.choice(damaged.size, max(1, damaged.size // 50), replace=False)] = (
        np.nan,
        np.inf,
    )[int(rng.integers(2))]
    return PlantedDefect(
        "non-finite",
        dict(network.weights) | {name: damaged},
        network.weights,
        frozenset({name}),
        repairable=False,
    )


@register_planter("corrupt")
def corrupt(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """A run of bytes overwritten with noise, as by a bad disk or a broken transfer."""
    name = pick(network, rng, "conv1d", "linear", "conv_transpose1d", "embedding", least=256)
    if name is None:
        return None
    raw = bytearray(network.weights[name].tobytes())
    start = 4 * int(rng.integers(len(raw) // 8))
    raw[start : start + 64] = rng.integers(0, 127, 64, np.uint8).tobytes()
    damaged = np.frombuffer(bytes(raw), np.float32).reshape(network.weights[name].shape)
    return PlantedDefect(
        "corrupt",
        dict(network.weights) | {name: damaged},
        network.weights,
        frozenset({name}),
        repairable=False,
    )


@register_planter("truncated")
def truncated(network: Network, rng: np.random.Generator) -> PlantedDefect:
    def write(folder: Path) -> Path:
        file = folder / "cut.safetensors"
        save_file(
            {name: np.ascontiguousarray(array) for name, array in network.weights.items()}, file
        )
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * rng.uniform(0.2, 0.95))])
        return file

    return PlantedDefect("truncated", write, network.weights, repairable=False)


@register_planter("wrong-dtype")
def wrong_dtype(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """bfloat16 bytes read as float16, or the other byte order."""
    name = pick(network, rng, "conv1d", "linear", "conv_transpose1d", "embedding")
    if name is None:
        return None
    if rng.integers(2):
        healthy = network.weights[name].astype(ml_dtypes.bfloat16)
        damaged: NDArray[Any] = healthy.view(np.float16)
    else:
        healthy = network.weights[name]
        damaged = healthy.byteswap()
    reference = dict(network.weights) | {name: healthy}
    return PlantedDefect("wrong-dtype", reference | {name: damaged}, reference, frozenset({name}))


@register_planter("lossy")
def lossy(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """Equal within the error of a coarser format: information, not a fault."""
    kind = (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn)[int(rng.integers(3))]
    floats = {name for name, array in network.weights.items() if array.dtype == np.float32}
    candidate = {
        name: array.astype(kind) if name in floats else array
        for name, array in network.weights.items()
    }
    changed = frozenset(
        name
        for name in floats
        if not np.array_equal(candidate[name].astype(np.float32), network.weights[name])
    )
    return PlantedDefect("lossy", candidate, network.weights, changed, repairable=False)


class _Hostile:
    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        import os

        return os.system, ("echo auscult-was-fooled",)


@register_planter("pickle-code")
def pickle_code(network: Network, rng: np.random.Generator) -> PlantedDefect:
    def write(folder: Path) -> Path:
        import torch

        file = folder / "hostile.pth"
        state: dict[str, Any] = {
            name: torch.from_numpy(np.array(array)) for name, array in network.weights.items()
        }
        torch.save(
            {"state_dict": state, "callback": _Hostile()},
            file,
            pickle_protocol=pickle.DEFAULT_PROTOCOL,
        )
        return file

    return PlantedDefect("pickle-code", write, network.weights, verb="inspect", repairable=False)


@register_planter("other-weights")
def other_weights(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """Another training run of the same architecture."""
    from corpus.networks import draw_trained_weights

    candidate = {
        name: draw_trained_weights(array.shape, network.kinds[name], rng)
        for name, array in network.weights.items()
    }
    floats = frozenset(name for name, array in network.weights.items() if array.dtype == np.float32)
    return PlantedDefect("other-weights", candidate, network.weights, floats, repairable=False)
