"""A small random pnnx model: a `.pnnx.param`, and the zip archive with a member for each tensor."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

OPENED = "model.pnnx.param"
TYPES = {"float32": "f32", "float16": "f16", "int64": "i64"}


def write_model(path: Path, layers: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Write layers of (type, name, tensors by attribute)."""
    lines = ["pnnx.Input               pnnx_input_0             0 1 0 #0=(1,4,9)f32"]
    with zipfile.ZipFile(path.with_suffix(".bin"), "w") as archive:
        for number, (kind, name, tensors) in enumerate(layers):
            words = []
            for leaf, array in tensors.items():
                sides = ",".join(map(str, array.shape))
                words.append(f"@{leaf}=({sides}){TYPES[array.dtype.name]}")
                archive.writestr(f"{name}.{leaf}", array.tobytes())
            lines.append(f"{kind:24} {name:24} 1 1 {number} {number + 1} {' '.join(words)}")
    count = len(lines)
    path.write_text(f"7767517\n{count} {count}\n" + "\n".join(lines) + "\n")


def make(folder: Path, seed: int) -> None:
    """A convolution and a parameter of its own."""
    rng = np.random.default_rng(seed)
    convolution = {
        "weight": rng.normal(size=(6, 4, 3)).astype(np.float32),
        "bias": rng.normal(size=6).astype(np.float16),
    }
    alpha = {"data": rng.normal(size=(1, 6, 1)).astype(np.float32)}
    layers: list[tuple[str, str, dict[str, Any]]] = [
        ("nn.Conv1d", "conv", convolution),
        ("pnnx.Attribute", "alpha", alpha),
    ]
    write_model(folder / OPENED, layers)
