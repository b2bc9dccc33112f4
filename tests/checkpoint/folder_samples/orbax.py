"""A small random checkpoint of Orbax: arrays in one OCDBT store for even seeds, a folder for each array for odd ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorstore

from auscult.weights import Array


def make(path: Path, seed: int) -> None:
    """Write two arrays of a model, and one of an optimizer."""
    write(path, draw(seed), is_database=seed % 2 == 0)


def draw(seed: int) -> dict[str, Array]:
    """The arrays by the names of the tree."""
    rng = np.random.default_rng(seed)
    return {
        "params.conv.kernel": rng.standard_normal((5, 3, 4), np.float32),
        "params.conv.bias": rng.standard_normal(4, np.float32),
        "opt_state.0.mu": rng.standard_normal((5, 3, 4), np.float32),
    }


def write(
    path: Path, arrays: dict[str, Array], *, is_database: bool, version: str = "zarr"
) -> None:
    """Write arrays with the first axis in chunks of two, and the tree of names."""
    path.mkdir(parents=True, exist_ok=True)
    base = {"driver": "file", "path": f"{path}/"}
    entries = {}
    for name, values in arrays.items():
        kvstore: dict[str, object] = {"driver": "file", "path": f"{path}/{name}/"}
        if is_database:
            kvstore = {"driver": "ocdbt", "base": base, "path": f"{name}/"}
        chunk = [min(2, side) for side in values.shape[:1]] + list(values.shape[1:])
        store = tensorstore.open(
            {"driver": version, "kvstore": kvstore, "store_data_equal_to_fill_value": True},
            dtype=values.dtype,
            shape=values.shape,
            chunk_layout=tensorstore.ChunkLayout(chunk_shape=chunk),
            create=True,
        ).result()
        store.write(values).result()
        keys = name.split(".")
        entries[str(tuple(keys))] = {
            "key_metadata": [{"key": key, "key_type": 2} for key in keys],
            "value_metadata": {"value_type": "jax.Array", "skip_deserialize": False},
        }
    metadata = {"tree_metadata": entries, "store_array_data_equal_to_fill_value": True}
    (path / "_METADATA").write_text(json.dumps(metadata))
