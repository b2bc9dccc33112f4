"""A torch module that can be run whole, in part, with substitutions, and in another precision."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from auscult.checkpoint.target import state_of
from auscult.errors import AuscultError, TargetError, UsageError
from auscult.trace.on_torch.convert import dtype_name, floating_dtype, is_tensor, to_array, to_tensor, torch_dtype
from auscult.trace.on_torch.manifest import manifest_of
from auscult.trace.on_torch.probe import Probe, module_paths
from auscult.trace.on_torch.weights import owned
from auscult.trace.options import Options
from auscult.trace.recorder import Recorder, Store
from auscult.trace.records import Trace
from auscult.trace.roles import arguments, bound, call_roles, named_inputs, replaced, roles
from auscult.weights import Array, ModuleInfo

MAX_HELD = 1 << 16
Call = tuple[tuple[Any, ...], dict[str, Any]]


class TorchRunner:
    """See `auscult.trace.runner.Runner`.

    Args:
        owned: Whether the module is this runner's own copy.
    """

    framework = "torch"

    def __init__(self, module: torch.nn.Module, name: str = "model") -> None:
        self.model, self.name = module, name
        self._float = floating_dtype(module)
        self.dtype = dtype_name(self._float or torch.float32)
        self._modules = module_paths(module)
        self._infos: Mapping[str, ModuleInfo] | None = None
        self._substitutes: dict[tuple[str, int | None], Mapping[str, Array]] = {}
        self._calls: dict[tuple[str, int], Call] = {}

    def paths(self) -> tuple[str, ...]:
        return tuple(self._modules)

    def run(self, inputs: Mapping[str, Array], *, store: Store | None = None, **options: Any) -> Trace:
        recorder = Recorder(Options(**options), store)
        device = next((tensor.device for tensor in (*self.model.parameters(), *self.model.buffers())), None)
        args, kwargs = bound(self.model.forward, inputs)
        args = [to_tensor(array, dtype=self._float, device=device) for array in args]
        kwargs = {name: to_tensor(array, dtype=self._float, device=device) for name, array in kwargs.items()}
        self._calls.clear()
        with torch.no_grad(), Probe(self.model, recorder, before=self._remember, after=self._substitute):
            _guarded(self.model, self.name, args, kwargs)
        return recorder.finish(manifest_of(self.model, recorder))

    def call(
        self, path: str, inputs: Mapping[str, Array], *, call: int = 0, changes: Mapping[str, Any] | None = None
    ) -> dict[str, Array]:
        module = self._module(path)
        given = dict(named_inputs(inputs))
        dtype = floating_dtype(module) or self._float
        tensors = {role: to_tensor(array, dtype=dtype) for role, array in given.items()}
        args, kwargs = self._arguments(path, call, tensors)
        with torch.no_grad(), changed(module, changes or {}):
            output = _guarded(module, path or self.name, args, kwargs)
        return {role: to_array(tensor).copy() for role, tensor in roles(output, "output", is_tensor)}

    @contextlib.contextmanager
    def replace(self, path: str, outputs: Mapping[str, Array], *, call: int | None = None) -> Iterator[None]:
        self._module(path)
        self._substitutes[path, call] = outputs
        try:
            yield
        finally:
            del self._substitutes[path, call]

    def module(self, path: str) -> ModuleInfo:
        self._module(path)
        if self._infos is None:
            self._infos = state_of(self.model).modules
        return self._infos[path]

    def weights(self, path: str) -> dict[str, Array]:
        return owned(self._module(path))

    def at(self, dtype: str) -> TorchRunner:
        return TorchRunner(copy.deepcopy(self.model).to(torch_dtype(dtype)), f"{self.name} ({dtype})")

    def _arguments(self, path: str, call: int, tensors: dict[str, torch.Tensor]) -> Call:
        """Arguments of a module: the given tensors in the places that the last run showed, or by position and name."""
        known = self._calls.get((path, call))
        if known is None:
            positional, named = arguments(tensors)
            return tuple(positional), named
        left = dict(tensors)

        def fill(role: str, held: Any) -> Any:
            tensor = left.pop(role, held)
            if isinstance(tensor, Slot):
                hint = "take it from the trace of the run"
                raise UsageError("needs a tensor that was not given", where=f"{path or self.name} {role}", hint=hint)
            return tensor

        args = replaced(known[0], "input", fill, _is_held)
        kwargs = replaced(known[1], "input", fill, _is_held)
        if left:
            raise UsageError(
                "was not called with such an argument",
                where=f"{path or self.name}#{call}",
                found=", ".join(left),
                hint=f"it took {', '.join(role for role, _ in call_roles(*known, _is_held))}",
            )
        return args, kwargs

    def _module(self, path: str) -> torch.nn.Module:
        if path not in self._modules:
            raise UsageError(
                "has no such module", where=self.name, found=path, hint=f"it has {', '.join(list(self._modules)[1:7])}"
            )
        return self._modules[path]

    def _remember(self, path: str, call: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._calls[path, call] = (
            replaced(args, "input", lambda _, tensor: hold(tensor), is_tensor),
            replaced(kwargs, "input", lambda _, tensor: hold(tensor), is_tensor),
        )

    def _substitute(self, path: str, call: int, _args: Any, _kwargs: Any, output: Any) -> Any:
        arrays = self._substitutes.get((path, call), self._substitutes.get((path, None)))
        if arrays is None:
            return None
        return replaced(output, "output", lambda role, tensor: _in_place_of(tensor, arrays.get(role)), is_tensor)


@dataclass(frozen=True)
class Slot:
    """Where a large tensor was in the arguments of a call; the caller has to bring it back."""


def hold(tensor: torch.Tensor) -> torch.Tensor | Slot:
    """A copy of a small tensor such as a mask or a step; a slot for a large one."""
    return tensor.detach().clone() if tensor.numel() <= MAX_HELD else Slot()


def _is_held(value: object) -> bool:
    return isinstance(value, Slot) or is_tensor(value)


def _guarded(function: Any, name: str, args: Any, kwargs: Any) -> Any:
    """Call the user's code; what it raises becomes one line."""
    try:
        return function(*args, **kwargs)
    except AuscultError:
        raise
    except Exception as error:  # whatever the user's model raises is for the user, as one line
        said = " ".join(str(error).split())[:300] or "no message"
        hint = "check names, shapes and types of the inputs; --debug shows the traceback"
        raise TargetError(f"raised {type(error).__name__}: {said}", where=name, hint=hint) from error


@contextlib.contextmanager
def changed(module: torch.nn.Module, changes: Mapping[str, Any]) -> Iterator[None]:
    """Set attributes of a module, or with dots of what it consists of, and set them back."""
    before: list[tuple[Any, str, Any]] = []
    try:
        for name, value in changes.items():
            owner_name, _, attribute = name.rpartition(".")
            owner = module.get_submodule(owner_name)
            before.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, value)
        yield
    except AttributeError as error:
        raise UsageError(f"has no such attribute: {error}", where=type(module).__name__) from error
    finally:
        for owner, attribute, value in reversed(before):
            setattr(owner, attribute, value)


def _in_place_of(tensor: torch.Tensor, array: Array | None) -> torch.Tensor:
    if array is None:
        return tensor
    if tuple(array.shape) != tuple(tensor.shape):
        raise UsageError("a substitute has another shape", expected=tuple(tensor.shape), found=tuple(array.shape))
    return to_tensor(array).to(dtype=tensor.dtype, device=tensor.device)
