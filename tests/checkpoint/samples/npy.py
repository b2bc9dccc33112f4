"""A small random .npy file: C or Fortran order, any byte order, sometimes an array of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

CODES = ("<f4", ">f4", "<f8", "<f2", "<i8", ">i2", "|u1", "|b1", "<c8", ">c16")


def make(path: Path, seed: int) -> np.ndarray:
    """Write a random array to `path` and give it."""
    rng = np.random.default_rng(seed)
    array: np.ndarray[Any, Any] = np.asarray(
        rng.normal(size=rng.integers(0, 5, rng.integers(0, 4))) * 10
    ).astype(CODES[seed % len(CODES)])
    if seed % 7 == 6:
        array = np.array({"conv.weight": array, "epoch": 3}, dtype=object)
    elif seed % 2:
        array = np.asfortranarray(array)
    with path.open("wb") as handle:
        np.save(handle, array)
    return array
