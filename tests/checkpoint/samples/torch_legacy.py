"""A small random torch file in the format from before 1.6, or a plain pickle of arrays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.checkpoint.samples.torch_zip import content

SUFFIX = ".pt"


def make(path: Path, seed: int) -> None:
    """Write a random file to `path`."""
    if seed % 4 == 3:
        rng = np.random.default_rng(seed)
        arrays: dict[str, Any] = {
            "tied": torch.ones(2, 3),
            "long": torch.randn(2000),
            "a.weight": rng.normal(size=(3, 2)),
            "a.long": rng.normal(size=3000).astype(">f4"),
            "step": np.int64(3),
        }
        arrays["view"] = arrays["tied"][0]
        path.write_bytes(pickle.dumps(arrays, protocol=2 + seed // 4 % 4))
        return
    torch.save(content(seed), path, _use_new_zipfile_serialization=False)
