"""A small random file of Keras 3: weights in HDF5, in an archive for odd seeds."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np

from auscult.weights import Array


def make(path: Path, seed: int) -> None:
    """Write a convolution, a recurrent layer and an optimizer's moments."""
    content = pack(draw(seed))
    if seed % 2 == 0:
        path.write_bytes(content)
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", content)


def draw(seed: int) -> dict[str, Array]:
    """Variables by their places in the file."""
    rng = np.random.default_rng(seed)
    shapes = {
        "layers/conv1d/vars/0": (5, 3, 4),
        "layers/conv1d/vars/1": (4,),
        "layers/lstm/cell/vars/0": (4, 8),
        "layers/lstm/cell/vars/1": (2, 8),
        "layers/lstm/cell/vars/2": (8,),
        "optimizer/vars/0": (),
        "optimizer/vars/1": (5, 3, 4),
    }
    return {
        name: np.asarray(rng.standard_normal(shape), np.float32) for name, shape in shapes.items()
    }


def pack(variables: dict[str, Array]) -> bytes:
    """An HDF5 file as Keras writes it: every layer notes its name beside its variables."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, values in variables.items():
            file.create_dataset(name, data=values)
        for place, layer in (("conv1d", "conv_pre"), ("lstm", "lstm"), ("lstm/cell", "lstm_cell")):
            file.require_group(f"layers/{place}/vars").attrs["name"] = layer
    return content.getvalue()
