"""Large files to measure on: HiFi-GAN-shaped generators of a given size, in torch's and MLX's forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from corpus.networks import Network, NetworkBuilder

# HiFi-GAN V1 has 512 channels and 14 M parameters; the parameters grow with the square of the channels.
WIDTHS = {56: 512, 450: 1456}


def build_generator(width: int) -> Network:
    """HiFi-GAN V1's generator at another width, weight norm fused."""
    build = NetworkBuilder("hifigan", 0)
    build.conv("conv_pre", width, 80, 7)
    for stage, kernel in enumerate((16, 16, 4, 4)):
        build.conv_transpose(f"ups.{stage}", width >> stage, width >> (stage + 1), kernel)
    for stage in range(4):
        channels = width >> (stage + 1)
        for branch, kernel in enumerate((3, 7, 11)):
            for convs in ("convs1", "convs2"):
                for index in range(3):
                    build.conv(
                        f"resblocks.{3 * stage + branch}.{convs}.{index}",
                        channels,
                        channels,
                        kernel,
                    )
    build.conv("conv_post", 1, width >> 4, 7)
    return build.network


def write_torch_file(folder: Path, megabytes: int) -> Path:
    """A `.pth` of about that size, made once."""
    path = folder / f"generator-{megabytes}.pth"
    if not path.exists():
        import torch

        weights = build_generator(WIDTHS[megabytes]).weights
        torch.save(
            {"generator": {name: torch.from_numpy(array) for name, array in weights.items()}}, path
        )
    return path


def write_safetensors_file(folder: Path, megabytes: int, layout: str) -> Path:
    """The same weights as `.safetensors`, in torch's or MLX's layout, made once."""
    path = folder / f"generator-{megabytes}-{layout}.safetensors"
    if not path.exists():
        network = build_generator(WIDTHS[megabytes])
        axes = {"conv1d": (0, 2, 1), "conv_transpose1d": (1, 2, 0)} if layout == "mlx" else {}
        moved = {
            name: np.ascontiguousarray(array.transpose(axes[network.kinds[name]]))
            if network.kinds[name] in axes
            else array
            for name, array in network.weights.items()
        }
        save_file(moved, path)
    return path


def write_many_tensors(folder: Path, count: int, layout: str) -> Path:
    """A file of that many small convolution weights and biases."""
    path = folder / f"many-{count}-{layout}.safetensors"
    if not path.exists():
        rng = np.random.default_rng(0)
        tensors = {}
        for index in range(count // 2):
            weight = rng.standard_normal((6, 4, 3), np.float32)
            tensors[f"layers.{index}.conv.weight"] = (
                np.ascontiguousarray(weight.transpose(0, 2, 1)) if layout == "mlx" else weight
            )
            tensors[f"layers.{index}.conv.bias"] = rng.standard_normal(6, np.float32)
        save_file(tensors, path)
    return path
