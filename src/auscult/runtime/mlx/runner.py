"""An MLX module that can be run whole, in part, with substitutions, and in another precision."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from typing import Any

import mlx.core as mx

from auscult.runtime.mlx.convert import (
    collect_modules,
    collect_own_arrays,
    dtype_name,
    find_floating_dtype,
    is_tensor,
    set_own_array,
    to_array,
    to_mlx_dtype,
    to_tensor,
)
from auscult.runtime.mlx.manifest import build_manifest
from auscult.runtime.mlx.probe import MlxProbe
from auscult.runtime.module_runner import ModuleRunner
from auscult.runtime.recorder import Recorder
from auscult.traces.records import Trace
from auscult.weights import Array


class MlxRunner(ModuleRunner):
    """See `auscult.runtime.runner.Runner`."""

    framework = "mlx"

    def __init__(self, model: Any, name: str = "model") -> None:
        super().__init__(model, collect_modules(model), name)
        self._float = find_floating_dtype(model) or mx.float32
        self.dtype = dtype_name(self._float)

    def weights(self, path: str) -> dict[str, Array]:
        return collect_own_arrays(self._get_module(path))

    def copy(self) -> MlxRunner:
        return MlxRunner(copy.deepcopy(self.model), self.name)

    def at(self, dtype: str) -> MlxRunner:
        model = copy.deepcopy(self.model)
        model.set_dtype(to_mlx_dtype(dtype))
        return MlxRunner(model, f"{self.name} ({dtype})")

    def put_weights(self, path: str, arrays: Mapping[str, Array]) -> None:
        for name, array in arrays.items():
            set_own_array(self._get_module(path), name, array)

    def _record(self, recorder: Recorder) -> contextlib.AbstractContextManager[Any]:
        return MlxProbe(
            self.model, recorder, before=self._remember_call, after=self._substitute_output
        )

    def _finish_trace(self, recorder: Recorder) -> Trace:
        return recorder.finish(build_manifest(self.model, recorder))

    def _make_run_context(self) -> contextlib.AbstractContextManager[Any]:
        """MLX computes float64 on the CPU only."""
        context: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self._float == mx.float64:
            context = mx.stream(mx.cpu)
        return context

    def _to_tensor(self, array: Array, module: Any) -> Any:
        return to_tensor(array, find_floating_dtype(module) or self._float)

    def _to_array(self, tensor: Any) -> Array:
        return to_array(tensor)

    def _make_replacement(self, tensor: Any, array: Array) -> Any:
        return to_tensor(array).astype(tensor.dtype)

    def _is_tensor(self, value: object) -> bool:
        return is_tensor(value)

    def _count_elements(self, tensor: Any) -> int:
        return int(tensor.size)

    def _copy_tensor(self, tensor: Any) -> Any:
        return mx.array(tensor)
