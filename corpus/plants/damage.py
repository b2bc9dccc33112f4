"""Defects of content: values that were lost, damaged, read as another type, or never trained."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from corpus.networks import Arrays, Kind, Network
from corpus.plant import Planted, plants


def pick(network: Network, rng: np.random.Generator, *kinds: Kind, least: int = 64) -> str | None:
    """One tensor of these kinds with at least `least` values."""
    names = [name for name in network.of_kind(*kinds) if network.weights[name].size >= least]
    return names[int(rng.integers(len(names)))] if names else None


def fresh(name: str, arrays: Arrays, rng: np.random.Generator) -> NDArray[Any]:
    """What torch's Conv and Linear start from: uniform within 1/sqrt(fan_in)."""
    shape = arrays[name].shape
    bound = 1 / np.sqrt(np.prod(shape[1:]))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


@plants("untrained")
def untrained(network: Network, rng: np.random.Generator) -> Planted | None:
    names = [
        name for name in network.of_kind("conv1d", "linear") if network.weights[name].size >= 256
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
    return Planted("untrained", candidate, network.weights, frozenset(chosen), repairable=False)


@plants("non-finite")
def non_finite(network: Network, rng: np.random.Generator) -> Planted | None:
    name = pick(network, rng, "conv1d", "linear", "conv_transpose1d", "embedding")
    if name is None:
        return None
    damaged = network.weights[name].copy()
    damaged.reshape(-1)[rng.choice(damaged.size, max(1, damaged.size // 50), replace=False)] = (
        np.nan,
        np.inf,
    )[int(rng.integers(2))]
    return Planted(
        "non-finite",
        dict(network.weights) | {name: damaged},
        network.weights,
        frozenset({name}),
        repairable=False,
    )


@plants("corrupt")
def corrupt(network: Network, rng: np.random.Generator) -> Planted | None:
    """A run of bytes overwritten with noise, as by a bad disk or a broken transfer."""
    name = pick(network, rng, "conv1d", "linear", "conv_transpose1d", "embedding", least=256)
    if name is None:
        return None
    raw = bytearray(network.weights[name].tobytes())
    start = 4 * int(rng.integers(len(raw) // 8))
    raw[start : start + 64] = rng.integers(0, 127, 64, np.uint8).tobytes()
    damaged = np.frombuffer(bytes(raw), np.float32).reshape(network.weights[name].shape)
    return Planted(
        "corrupt",
        dict(network.weights) | {name: damaged},
        network.weights,
        frozenset({name}),
        repairable=False,
    )


@plants("truncated")
def truncated(network: Network, rng: np.random.Generator) -> Planted:
    def write(folder: Path) -> Path:
        file = folder / "cut.safetensors"
        save_file(
            {name: np.ascontiguousarray(array) for name, array in network.weights.items()}, file
        )
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * rng.uniform(0.2, 0.95))])
        return file

    return Planted("truncated", write, network.weights, repairable=False)


@plants("wrong-dtype")
def wrong_dtype(network: Network, rng: np.random.Generator) -> Planted | None:
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
    return Planted("wrong-dtype", reference | {name: damaged}, reference, frozenset({name}))


@plants("lossy")
def lossy(network: Network, rng: np.random.Generator) -> Planted:
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
    return Planted("lossy", candidate, network.weights, changed, repairable=False)


class _Hostile:
    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        import os

        return os.system, ("echo auscult-was-fooled",)


@plants("pickle-code")
def pickle_code(network: Network, rng: np.random.Generator) -> Planted:
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

    return Planted("pickle-code", write, network.weights, verb="inspect", repairable=False)


@plants("other-weights")
def other_weights(network: Network, rng: np.random.Generator) -> Planted:
    """Another training run of the same architecture."""
    from corpus.networks import trained

    candidate = {
        name: trained(array.shape, network.kinds[name], rng)
        for name, array in network.weights.items()
    }
    floats = frozenset(name for name, array in network.weights.items() if array.dtype == np.float32)
    return Planted("other-weights", candidate, network.weights, floats, repairable=False)
