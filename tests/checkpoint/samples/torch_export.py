"""A small random torch.export archive: the weights as members, and the text that describes them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

FLOAT32 = 7
"""The number of float32 in the schema of torch.export."""


def make(path: Path, seed: int) -> None:
    """Write two weights, the second one as a transposed view."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((4, 3), np.float32)
    second = rng.standard_normal((2, 5), np.float32)
    config = {
        "conv.weight": describe("weight_0", first.shape, (3, 1)),
        "linear.weight": describe("weight_1", second.T.shape, (1, 5)),
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data/weights/weight_0", first.tobytes())
        archive.writestr("m/data/weights/weight_1", second.tobytes())
        archive.writestr("m/data/weights/model_weights_config.json", json.dumps({"config": config}))


def describe(member: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> dict[str, Any]:
    """One entry of the text."""
    return {
        "path_name": member,
        "is_param": True,
        "use_pickle": False,
        "tensor_meta": {
            "dtype": FLOAT32,
            "sizes": [{"as_int": side} for side in shape],
            "strides": [{"as_int": step} for step in strides],
            "storage_offset": {"as_int": 0},
        },
    }
