"""A small random .npz file, stored or deflated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoint.samples.npy import CODES


def make(path: Path, seed: int) -> dict[str, np.ndarray]:
    """Write random arrays to `path` and give them."""
    rng = np.random.default_rng(seed)
    arrays = {
        f"layers.{index}.weight": np.asarray(
            rng.normal(size=rng.integers(0, 5, rng.integers(0, 4))) * 10
        ).astype(code)
        for index, code in enumerate(CODES)
    }
    arrays["columns"] = np.asfortranarray(rng.normal(size=(3, 4)))
    with path.open("wb") as handle:
        save: Any = np.savez_compressed if seed % 2 else np.savez
        save(handle, **arrays)
    return arrays
