"""Record what the modules of an MLX model take and give.

MLX modules have no hooks. While a probe is entered, the classes of a model's modules are called
through it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import mlx.core as mx

from auscult.runtime.mlx.convert import collect_modules, is_leaf, is_tensor, to_array
from auscult.runtime.mlx.noise import NoiseRecorder
from auscult.runtime.recorder import Recorder
from auscult.runtime.roles import iter_call_roles, iter_roles
from auscult.traces.records import Record

MAX_KNOWN_TENSORS = 16


class MlxProbe:
    """While entered, records what the modules of `model` compute, in whatever code calls them.

    Arrays are evaluated as they appear, and `mx.compile` is off: inside a compiled function there
    is nothing to see.

    Args:
        before, after: Called with (path, call, args, kwargs) before a module runs and (path, call,
            args, kwargs, output) after it; what `after` gives, unless None, takes the place of the
            output.
    """

    def __init__(
        self,
        model: Any,
        recorder: Recorder,
        before: Callable[..., None] | None = None,
        after: Callable[..., Any] | None = None,
    ) -> None:
        self.recorder, self.before, self.after = recorder, before, after
        options = recorder.options
        modules = collect_modules(model)
        self._modules = tuple(
            modules.values()
        )  # held, so that no other object gets the id of one of them
        self._paths = {id(module): path for path, module in modules.items()}
        self._type_names = {path: type(module).__name__ for path, module in modules.items()}
        self._recorded_paths = {
            path
            for path, module in modules.items()
            if options.is_included(path) and (not options.leaves_only or is_leaf(module))
        }
        self.calls: dict[str, int] = {}
        self.stack: list[tuple[str, int, int]] = []
        self._known: dict[tuple[Any, ...], tuple[Any, Record]] = {}
        self._exit_stack = ExitStack()

    def __enter__(self) -> MlxProbe:
        owners = {_find_call_owner(type(module)) for module in self._modules}
        for owner in owners - {None}:
            original = owner.__dict__["__call__"]
            owner.__call__ = self._wrap_function(original)
            self._exit_stack.callback(setattr, owner, "__call__", original)
        mx.disable_compile()
        self._exit_stack.callback(mx.enable_compile)
        if self.recorder.options.noise or self.recorder.options.replay is not None:
            self._exit_stack.enter_context(NoiseRecorder(self.recorder, lambda: self.place))
        return self

    def __exit__(self, *_: object) -> None:
        self._exit_stack.close()
        self._known.clear()

    @property
    def place(self) -> tuple[str, int]:
        """Path and call number of the innermost module that is running."""
        if self.stack:
            return self.stack[-1][:2]
        return ("", self.calls.get("", 0))

    def _wrap_function(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            path = self._paths.get(id(module))
            is_super = bool(self.stack) and self.stack[-1][2] == id(module)
            if path is None or is_super:
                return original(module, *args, **kwargs)
            number = self.calls.get(path, 0)
            self.calls[path] = number + 1
            self.stack.append((path, number, id(module)))
            try:
                self._before_call(path, number, args, kwargs)
                return self._after(path, number, args, kwargs, original(module, *args, **kwargs))
            finally:
                self.stack.pop()

        return call

    def _before_call(
        self, path: str, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if path in self._recorded_paths and self.recorder.options.with_inputs:
            for role, tensor in iter_call_roles(args, kwargs, is_tensor):
                self._record(path, number, role, tensor)
        if self.before is not None:
            self.before(path, number, args, kwargs)

    def _after(
        self, path: str, number: int, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        if self.after is None:
            changed = None
        else:
            changed = self.after(path, number, args, kwargs, output)
        if path in self._recorded_paths and changed is not None:
            for role, tensor in iter_roles(output, "own", is_tensor):
                self._record(path, number, role, tensor)
        output = output if changed is None else changed
        if path in self._recorded_paths:
            for role, tensor in iter_roles(output, "output", is_tensor):
                self._record(path, number, role, tensor)
        return output

    def _record(self, path: str, call: int, role: str, tensor: Any) -> None:
        kind = self._type_names[path]
        handle = mx.stop_gradient(
            tensor
        )  # a second handle on the same memory: what is written to `tensor` then goes elsewhere
        mx.eval(handle)
        array = to_array(handle)
        identity = (
            array.__array_interface__["data"][0],
            array.shape,
            array.strides,
            array.dtype.name,
        )
        known_entry = self._known.get(identity)
        if known_entry is not None:
            self.recorder.again(path, call, role, kind, known_entry[1])
            return
        record = self.recorder.add(path, call, role, kind, array)
        self._known[identity] = (
            handle,
            record,
        )  # held, so that its memory is not given to another array
        if len(self._known) > MAX_KNOWN_TENSORS:
            del self._known[next(iter(self._known))]


def _find_call_owner(kind: type) -> Any:
    """The class whose `__call__` instances of `kind` run."""
    return next((base for base in kind.__mro__ if "__call__" in base.__dict__), None)
