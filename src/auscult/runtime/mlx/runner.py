"""An MLX module that can be run whole, in part, with substitutions, and in another precision."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import mlx.core as mx

from auscult.runtime.mlx.convert import (
    dtype_name,
    floating_dtype,
    is_tensor,
    mlx_dtype,
    module_paths,
    owned,
    to_array,
    to_tensor,
)
from auscult.runtime.mlx.manifest import manifest_of
from auscult.runtime.mlx.probe import Probe
from auscult.runtime.module_runner import ModuleRunner
from auscult.runtime.recorder import Recorder
from auscult.traces.records import Trace
from auscult.weights import Array


class MlxRunner(ModuleRunner):
    """See `auscult.runtime.runner.Runner`."""

    framework = "mlx"

    def __init__(self, model: Any, name: str = "model") -> None:
        super().__init__(model, module_paths(model), name)
        self._float = floating_dtype(model) or mx.float32
        self.dtype = dtype_name(self._float)

    def weights(self, path: str) -> dict[str, Array]:
        return owned(self._module(path))

    def at(self, dtype: str) -> MlxRunner:
        model = copy.deepcopy(self.model)
        model.set_dtype(mlx_dtype(dtype))
        return MlxRunner(model, f"{self.name} ({dtype})")

    def _record(self, recorder: Recorder) -> contextlib.AbstractContextManager[Any]:
        return Probe(self.model, recorder, before=self._remember, after=self._substitute)

    def _finish(self, recorder: Recorder) -> Trace:
        return recorder.finish(manifest_of(self.model, recorder))

    def _quiet(self) -> contextlib.AbstractContextManager[Any]:
        """MLX computes float64 on the CPU only."""
        context: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self._float == mx.float64:
            context = mx.stream(mx.cpu)
        return context

    def _tensor(self, array: Array, module: Any) -> Any:
        return to_tensor(array, floating_dtype(module) or self._float)

    def _array(self, tensor: Any) -> Array:
        return to_array(tensor)

    def _in_place_of(self, tensor: Any, array: Array) -> Any:
        return to_tensor(array).astype(tensor.dtype)

    def _is_tensor(self, value: object) -> bool:
        return is_tensor(value)

    def _size(self, tensor: Any) -> int:
        return int(tensor.size)

    def _copy(self, tensor: Any) -> Any:
        return mx.array(tensor)
