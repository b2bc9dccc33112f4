"""A small random flax checkpoint, packed with msgpack the way flax.serialization does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import msgpack
import numpy as np

SUFFIX = ".msgpack"

DTYPES = ("float32", "float16", "int32", "int64", "uint8", "bool", "complex64", "float64")


def extension(value: Any) -> msgpack.ExtType:
    """What flax's packer makes of arrays, numpy scalars and complex numbers."""
    if isinstance(value, np.ndarray):
        return msgpack.ExtType(1, _array_bytes(value))
    if isinstance(value, np.generic):
        return msgpack.ExtType(3, _array_bytes(np.asarray(value)))
    if isinstance(value, complex):
        return msgpack.ExtType(2, msgpack.packb((value.real, value.imag)))
    raise TypeError(type(value).__name__)


def _array_bytes(array: np.ndarray) -> bytes:
    return bytes(
        msgpack.packb((array.shape, array.dtype.name, array.tobytes("C")), use_bin_type=True)
    )


def chunked(array: np.ndarray, size: int) -> dict[str, Any]:
    """What flax makes of an array over 1 GB, with a smaller chunk of `size` elements."""
    flat = array.reshape(-1)
    chunks = {
        str(index): flat[start : start + size]
        for index, start in enumerate(range(0, flat.size, size))
    }
    return {
        "__msgpack_chunked_array__": True,
        "shape": {str(index): side for index, side in enumerate(array.shape)},
        "chunks": chunks,
    }


def tree(seed: int) -> dict[str, Any]:
    """Parameters of two layers, an optimizer step, and every kind of leaf."""
    rng = np.random.default_rng(seed)
    params: dict[str, Any] = {
        f"layer_{name}": {
            "kernel": (rng.normal(size=rng.integers(1, 6, int(rng.integers(0, 4)))) * 9).astype(
                name
            )
        }
        for name in DTYPES
    }
    params["dense"] = {
        "kernel": rng.normal(size=(4, 3)).astype(np.float32),
        "bias": np.zeros(3, ml_dtypes.bfloat16),
    }
    params["empty"] = np.zeros((0, 5), np.float32)
    return {
        "params": params,
        "step": seed,
        "scale": np.float32(rng.normal()),
        "name": "sample",
        "gain": complex(1, 2),
    }


def write(path: Path, content: Any) -> None:
    """Pack `content` into a file."""
    path.write_bytes(msgpack.packb(content, default=extension, strict_types=True))


def make(path: Path, seed: int) -> None:
    """Write a random checkpoint to `path`."""
    content = tree(seed)
    content["params"]["large"] = chunked(np.random.default_rng(seed).normal(size=(3, 7)), 8)
    write(path, content)
