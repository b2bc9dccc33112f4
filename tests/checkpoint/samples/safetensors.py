"""A small random safetensors file: every dtype that the format and numpy share, scalars, empty tensors, metadata."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

DTYPES = (
    "float32",
    "float64",
    "float16",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "bool",
)


def make(path: Path, seed: int) -> dict[str, np.ndarray]:
    """Write a random file to `path` and give its arrays."""
    rng = np.random.default_rng(seed)
    arrays = {
        f"plain.{name}": np.asarray(
            rng.normal(size=rng.integers(0, 5, rng.integers(0, 4))) * 10
        ).astype(name)
        for name in DTYPES
    }
    arrays["bf16"] = rng.normal(size=(2, 3)).astype(ml_dtypes.bfloat16)
    save_file(arrays, path, metadata={"format": "mlx"} if seed % 2 else None)
    return arrays
