"""Hooks on every module of a torch model: what each call takes and gives goes to a recorder."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch

from auscult.runtime.recorder import Recorder
from auscult.runtime.roles import iter_call_roles, iter_roles
from auscult.runtime.torch.convert import is_tensor, to_array
from auscult.runtime.torch.measure import measure_elements
from auscult.runtime.torch.noise import NoiseRecorder
from auscult.runtime.torch.operations import OperationRecorder
from auscult.traces.records import Record

MAX_KNOWN_TENSORS = 512
PARAMETRIZATION = ".parametrizations"


def collect_modules(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Every module by its path, "" for the whole; without the inner modules of parametrizations,
    which compute weights.
    """
    return {
        path: module for path, module in model.named_modules() if PARAMETRIZATION not in f".{path}"
    }


def is_leaf(module: torch.nn.Module) -> bool:
    """Whether a module consists of no others, parametrizations of its weights aside."""
    return all(name == "parametrizations" for name, _ in module.named_children())


class TorchProbe:
    """While entered, records what the modules of `model` compute, in whatever code calls them.

    Args:
        before, after: Called with (path, call, args, kwargs) before a module runs and (path, call,
            args, kwargs, output) after it, for all modules; what `after` gives, unless None, takes
            the place of the output.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        recorder: Recorder,
        before: Callable[..., None] | None = None,
        after: Callable[..., Any] | None = None,
    ) -> None:
        self.model, self.recorder = model, recorder
        self.before, self.after = before, after
        self.calls: dict[str, int] = {}
        self.stack: list[tuple[str, int]] = []
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], int, Record]] = {}
        self._exit_stack = ExitStack()

    def __enter__(self) -> TorchProbe:
        options = self.recorder.options
        self.recorder.measure = measure_elements
        for path, module in collect_modules(self.model).items():
            is_recorded = options.is_included(path) and (not options.leaves_only or is_leaf(module))
            self._hook_module(path, module, is_recorded=is_recorded)
        if options.noise or options.replay is not None:
            self._exit_stack.enter_context(NoiseRecorder(self.recorder, lambda: self.place))
        if options.operations:
            composite_paths = {
                path
                for path, module in collect_modules(self.model).items()
                if options.is_included(path) and not is_leaf(module)
            }
            self._exit_stack.enter_context(
                OperationRecorder(self.recorder, lambda: self.place, composite_paths.__contains__)
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._exit_stack.close()
        self._known.clear()

    @property
    def place(self) -> tuple[str, int]:
        """Path and call number of the innermost module that is running; the whole model's next call
        outside of all.
        """
        if self.stack:
            return self.stack[-1]
        return ("", self.calls.get("", 0))

    def _hook_module(self, path: str, module: torch.nn.Module, *, is_recorded: bool) -> None:
        kind = find_type_name(module)
        records_inputs = is_recorded and self.recorder.options.with_inputs

        def enter(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            call = self.calls.get(path, 0)
            self.calls[path] = call + 1
            self.stack.append((path, call))
            if records_inputs:
                for role, tensor in iter_call_roles(args, kwargs, is_tensor):
                    self._record(path, call, role, kind, tensor)
            if self.before is not None:
                self.before(path, call, args, kwargs)

        def leave(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            _, call = self._end_call(path)
            if self.after is None:
                changed = None
            else:
                changed = self.after(path, call, args, kwargs, output)
            if is_recorded and changed is not None:
                for role, tensor in iter_roles(output, "own", is_tensor):
                    self._record(path, call, role, kind, tensor)
            if is_recorded:
                for role, tensor in iter_roles(
                    output if changed is None else changed, "output", is_tensor
                ):
                    self._record(path, call, role, kind, tensor)
            return changed

        first = module.register_forward_pre_hook(enter, with_kwargs=True)
        last = module.register_forward_hook(leave, with_kwargs=True, always_call=True)
        self._exit_stack.callback(first.remove)
        self._exit_stack.callback(last.remove)

    def _end_call(self, path: str) -> tuple[str, int]:
        """The call that ends; calls below it that were cut off by an exception end with it."""
        while self.stack:
            place = self.stack.pop()
            if place[0] == path:
                return place
        return path, self.calls.get(path, 1) - 1

    def _record(self, path: str, call: int, role: str, kind: str, tensor: torch.Tensor) -> None:
        known_entry = self._known.get(id(tensor))
        if tensor.is_inference():
            version = None
        else:
            version = tensor._version
        if (
            known_entry is not None
            and known_entry[0]() is tensor
            and known_entry[1] == version is not None
        ):
            self.recorder.again(path, call, role, kind, known_entry[2])
            return
        record = self.recorder.add(path, call, role, kind, to_array(tensor))
        if version is not None:
            self._known[id(tensor)] = (weakref.ref(tensor), version, record)
        if len(self._known) > MAX_KNOWN_TENSORS:
            self._known = {
                key: entry for key, entry in self._known.items() if entry[0]() is not None
            }


def find_type_name(module: torch.nn.Module) -> str:
    """The class as it was written: parametrize makes one of its own over it."""
    kind = type(module)
    if torch.nn.utils.parametrize.is_parametrized(module):
        return kind.__mro__[1].__name__
    return kind.__name__
