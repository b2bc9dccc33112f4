"""Measure the errors of `auscult.checkpoint.ggml_errors` again.

    python -m benchmarks.ggml_errors PATH/TO/libggml-base.so

The library is part of the wheel of pywhispercpp, among others. Prints, per block type, the largest
error of a value and the largest rms error, as shares of the largest magnitude in a run, and the least
rms error between unrelated rows of the same matrices.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator

import gguf
import numpy as np
from numpy.typing import NDArray

from auscult.checkpoint.ggml_errors import BLOCK_ERRORS

SHAPE = (128, 1024)
Floats = NDArray[np.float32]


def iter_matrices(seed: int) -> Iterator[Floats]:
    """Normal, heavy-tailed, uniform, smooth, Laplace, shifted, and with channels of unequal size."""
    rng = np.random.default_rng(seed)
    yield rng.standard_normal(SHAPE).astype(np.float32)
    yield rng.standard_t(4, SHAPE).astype(np.float32)
    yield rng.uniform(-1, 1, SHAPE).astype(np.float32)
    yield (np.cumsum(rng.standard_normal(SHAPE), axis=1) * 0.05).astype(np.float32)
    yield rng.laplace(size=SHAPE).astype(np.float32)
    yield (rng.standard_normal(SHAPE) + 2).astype(np.float32)
    gains = np.exp(rng.standard_normal((1, SHAPE[1])))
    yield (rng.standard_normal(SHAPE) * gains).astype(np.float32)


def quantize(library: ctypes.CDLL, kind: int, matrix: Floats, *, weighted: bool) -> Floats:
    """What the matrix is after the library has quantised it and gguf has undone that."""
    block, nbytes = gguf.GGML_QUANT_SIZES[kind]
    packed = np.zeros((len(matrix), matrix.shape[1] // block * nbytes), np.uint8)
    importance = np.ones(matrix.shape[1], np.float32)
    arguments = (matrix.ctypes.data, packed.ctypes.data, 0, *matrix.shape)
    library.ggml_quantize_chunk(int(kind), *arguments, importance.ctypes.data if weighted else None)
    return np.asarray(gguf.quants.dequantize(packed, kind), np.float32)


def measure_type(library: ctypes.CDLL, name: str) -> tuple[float, float, float]:
    """Largest error of a value, largest rms error, and least rms error of unrelated rows."""
    run, kind = BLOCK_ERRORS[name].run, gguf.GGMLQuantizationType[name.upper()]
    peaks, rms_errors, unrelated = [], [], []
    for seed in (0, 1):
        for matrix in iter_matrices(seed):
            # without an importance matrix the library refuses the I types
            for weighted in (True,) if name.startswith("iq") else (True, False):
                values = quantize(library, kind, matrix, weighted=weighted)
                limits = np.abs(values).reshape(-1, run).max(1, keepdims=True)
                shares = np.abs(values - matrix).reshape(-1, run) / np.maximum(limits, 1e-9)
                other = np.abs(values - np.roll(matrix, 1, axis=0)).reshape(-1, run)
                peaks.append(shares.max())
                rms_errors.append(np.sqrt(np.mean(shares**2)))
                unrelated.append(np.sqrt(np.mean((other / np.maximum(limits, 1e-9)) ** 2)))
    return float(max(peaks)), float(max(rms_errors)), float(min(unrelated))


def main(path: str) -> None:
    """Print the table."""
    library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    library.ggml_quantize_chunk.argtypes = [
        *(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
        *(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p),
    ]
    for name in BLOCK_ERRORS:
        peak, rms, unrelated = measure_type(library, name)
        print(f"{name:8s} peak {peak:.3f}  rms {rms:.3f}  unrelated {unrelated:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
