"""Checkpoints for the tests of convert."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auscult.checkpoint import open_checkpoint
from auscult.weights import Array


def floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def vocoder(width: int = 16, kernel: int = 3) -> dict[str, Array]:
    """HiFi-GAN's names in torch's layout, fused; square residual convolutions."""
    arrays = {"conv_pre.weight": floats(width, 80, 7), "conv_pre.bias": floats(width)}
    channels = width
    for stage in range(2):
        arrays[f"ups.{stage}.weight"] = floats(channels, channels // 2, 4)
        channels //= 2
        arrays[f"ups.{stage}.bias"] = floats(channels, seed=stage)
        for stem in ("convs1", "convs2"):
            arrays[f"resblocks.{stage}.{stem}.0.weight"] = floats(
                channels, channels, kernel, seed=stage
            )
            arrays[f"resblocks.{stage}.{stem}.0.bias"] = floats(channels, seed=9)
    return arrays | {"conv_post.weight": floats(1, channels, 7), "conv_post.bias": floats(1)}


def in_mlx(arrays: dict[str, Array]) -> dict[str, Array]:
    def turned(name: str, array: Array) -> Array:
        if array.ndim != 3:
            return array
        return np.ascontiguousarray(
            array.transpose((1, 2, 0) if name.startswith("ups") else (0, 2, 1))
        )

    return {name: turned(name, array) for name, array in arrays.items()}


def equal(found: Path, expected: dict[str, Array]) -> bool:
    tensors = open_checkpoint(found)
    assert set(tensors) == set(expected)
    return all(
        tensors[name].numpy().tobytes() == array.tobytes() and tensors[name].shape == array.shape
        for name, array in expected.items()
    )


def leftovers(folder: Path, *known: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in known)
