"""The manifest of an MLX run: version, precision, modules and their weights."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from auscult.checkpoint.target import state_of
from auscult.runtime.mlx.convert import (
    collect_modules,
    collect_own_arrays,
    dtype_name,
    find_floating_dtype,
)
from auscult.runtime.recorder import Recorder
from auscult.traces.fingerprint import fingerprint_content
from auscult.traces.records import Manifest


def build_manifest(model: Any, recorder: Recorder) -> Manifest:
    """The manifest of what `recorder` took from `model`."""
    modules = collect_modules(model)
    dtypes = {
        value.dtype
        for _, value in tree_flatten(model.parameters())
        if mx.issubdtype(value.dtype, mx.floating)
    }
    weights: dict[str, dict[str, str]] = {}
    if recorder.options.fingerprints:
        for path, module in modules.items():
            arrays = collect_own_arrays(module)
            if arrays:
                weights[path] = {name: fingerprint_content(array) for name, array in arrays.items()}
    return Manifest(
        "mlx",
        mx.__version__,  # type: ignore[attr-defined]
        "mixed" if len(dtypes) > 1 else dtype_name(find_floating_dtype(model) or mx.float32),
        "gpu" if "gpu" in str(mx.default_device()) else "cpu",
        weights=weights,
        modules={path: info for path, info in state_of(model).modules.items() if path in modules},
        noise=tuple(recorder.noise),
        notes={"training": bool(model.training), **recorder.notes},
    )
