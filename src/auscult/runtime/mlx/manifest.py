"""How an MLX run was made."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from auscult.checkpoint.target import state_of
from auscult.runtime.mlx.convert import dtype_name, floating_dtype, module_paths, owned
from auscult.runtime.recorder import Recorder
from auscult.traces.fingerprint import content
from auscult.traces.records import Manifest


def manifest_of(model: Any, recorder: Recorder) -> Manifest:
    """The manifest of what `recorder` took from `model`."""
    modules = module_paths(model)
    dtypes = {
        value.dtype
        for _, value in tree_flatten(model.parameters())
        if mx.issubdtype(value.dtype, mx.floating)
    }
    weights: dict[str, dict[str, str]] = {}
    if recorder.options.fingerprints:
        weights = {
            path: {name: content(array) for name, array in owned(module).items()}
            for path, module in modules.items()
        }
    return Manifest(
        "mlx",
        mx.__version__,  # type: ignore[attr-defined]
        "mixed" if len(dtypes) > 1 else dtype_name(floating_dtype(model) or mx.float32),
        "gpu" if "gpu" in str(mx.default_device()) else "cpu",
        weights={path: own for path, own in weights.items() if own},
        modules={path: info for path, info in state_of(model).modules.items() if path in modules},
        noise=tuple(recorder.noise),
        notes={"training": bool(model.training), **recorder.notes},
    )
