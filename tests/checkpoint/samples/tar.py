"""A small random `.nemo` archive: a torch file and its config in a tar, gzipped for odd seeds."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import torch


def make(path: Path, seed: int) -> None:
    """Write `model_weights.ckpt` with two tensors, and `model_config.yaml`."""
    generator = torch.Generator().manual_seed(seed)
    state = {
        "encoder.conv.weight": torch.randn(4, 3, 2, generator=generator),
        "encoder.conv.bias": torch.randn(4, generator=generator),
    }
    weights = io.BytesIO()
    torch.save(state, weights)
    with tarfile.open(path, "w:gz" if seed % 2 else "w") as archive:
        for name, content in (
            ("./model_config.yaml", b"sample_rate: 22050\n"),
            ("./model_weights.ckpt", weights.getvalue()),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
