"""A torch module that can be run whole, in part, with substitutions, and in another precision."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from auscult.facts.function_changes import CallChange, CalledFunctions
from auscult.runtime.device import DeviceName
from auscult.runtime.module_runner import ModuleRunner
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.changed_functions import ChangedFunctions
from auscult.runtime.torch.convert import (
    dtype_name,
    find_floating_dtype,
    is_tensor,
    to_array,
    to_tensor,
    to_torch_dtype,
)
from auscult.runtime.torch.manifest import build_manifest
from auscult.runtime.torch.probe import TorchProbe, collect_modules
from auscult.runtime.torch.weights import collect_own_arrays, set_own_array
from auscult.traces.records import Trace
from auscult.weights import Array


class TorchRunner(ModuleRunner):
    """See `auscult.runtime.runner.Runner`."""

    framework = "torch"

    def __init__(self, model: torch.nn.Module, name: str = "model") -> None:
        super().__init__(model, collect_modules(model), name)
        self._float = find_floating_dtype(model)
        self.dtype = dtype_name(self._float or torch.float32)
        self._device = next(
            (tensor.device for tensor in (*model.parameters(), *model.buffers())), None
        )

    def weights(self, path: str) -> dict[str, Array]:
        return collect_own_arrays(self._get_module(path))

    def copy(self) -> TorchRunner:
        return TorchRunner(copy.deepcopy(self.model), self.name)

    def at(self, dtype: str) -> TorchRunner:
        model = copy.deepcopy(self.model)
        hold_eps(model, self._float or torch.float32)
        return TorchRunner(model.to(to_torch_dtype(dtype)), f"{self.name} ({dtype})")

    def on_device(self, device: DeviceName | None) -> TorchRunner:
        """A runner on that device; this one, where its model is there already or None is asked for."""
        if device is None or self._device is None or self._device.type == device:
            return self
        return TorchRunner(copy.deepcopy(self.model).to(device), self.name)

    def put_weights(self, path: str, arrays: Mapping[str, Array]) -> None:
        for name, array in arrays.items():
            set_own_array(self._get_module(path), name, array)

    @contextlib.contextmanager
    def change_functions(self, changes: Sequence[CallChange]) -> Iterator[CalledFunctions]:
        with ChangedFunctions(changes) as mode:
            yield mode.seen

    def _record(self, recorder: Recorder) -> contextlib.AbstractContextManager[Any]:
        return TorchProbe(
            self.model, recorder, before=self._remember_call, after=self._substitute_output
        )

    def _finish_trace(self, recorder: Recorder) -> Trace:
        return recorder.finish(build_manifest(self.model, recorder))

    def _make_run_context(self) -> contextlib.AbstractContextManager[Any]:
        return torch.no_grad()

    def _get_forward(self, module: torch.nn.Module) -> Callable[..., Any]:
        return module.forward

    def _to_tensor(self, array: Array, module: torch.nn.Module) -> torch.Tensor:
        return to_tensor(
            array, dtype=find_floating_dtype(module) or self._float, device=self._device
        )

    def _to_array(self, tensor: torch.Tensor) -> Array:
        return to_array(tensor)

    def _make_replacement(self, tensor: torch.Tensor, array: Array) -> torch.Tensor:
        return to_tensor(array).to(dtype=tensor.dtype, device=tensor.device)

    def _is_tensor(self, value: object) -> bool:
        return is_tensor(value)

    def _count_elements(self, tensor: torch.Tensor) -> int:
        return tensor.numel()

    def _copy_tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().clone()


def hold_eps(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Write down the eps of norms that take the one of the number format (`nn.RMSNorm` without an eps): in another
    precision the same model would compute something else.
    """
    for module in model.modules():
        if "eps" in vars(module) and vars(module)["eps"] is None:
            setattr(module, "eps", torch.finfo(dtype).eps)  # noqa: B010  torch declares no such field
