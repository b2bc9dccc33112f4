"""A small zipped folder of a model: its weights and its config, deflated for odd seeds."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save


def make(path: Path, seed: int) -> None:
    """Write `voice/model.safetensors` with two tensors, and `voice/config.json`."""
    rng = np.random.default_rng(seed)
    state = {
        "encoder.conv.weight": rng.standard_normal((4, 3, 2)).astype(np.float32),
        "encoder.conv.bias": rng.standard_normal(4).astype(np.float32),
    }
    method = zipfile.ZIP_DEFLATED if seed % 2 else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("voice/config.json", "{}")
        archive.writestr("voice/model.safetensors", save(state))
