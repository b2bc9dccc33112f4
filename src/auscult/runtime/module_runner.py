"""The runner of a tree of modules, for torch and MLX: everything but the framework's own calls."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.checkpoint.target import state_of
from auscult.errors import UsageError
from auscult.facts.function_changes import CallChange, CalledFunctions
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder, TensorStore
from auscult.runtime.roles import (
    bind_arguments,
    iter_call_roles,
    iter_role_inputs,
    iter_roles,
    replace_tensors,
    split_arguments,
)
from auscult.runtime.user_code import call_user_code, change_attributes
from auscult.traces.records import Trace
from auscult.weights import Array, ModuleInfo

MAX_REMEMBERED_ELEMENTS = 1 << 16
"""Elements of a tensor that is remembered from a module's last call, so that masks and steps need
not be given again.
"""
CallArguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class ArgumentSlot:
    """Where a large tensor was in the arguments of a call; the caller has to bring it back."""


class ModuleRunner(ABC):
    """See `auscult.runtime.runner.Runner`; one class per framework derives from it."""

    framework: str
    dtype: str

    def __init__(self, model: Any, modules: Mapping[str, Any], name: str) -> None:
        self.model, self.name = model, name
        self._modules = modules
        self._infos: Mapping[str, ModuleInfo] | None = None
        self._substitutes: dict[tuple[str, int | None], Mapping[str, Array]] = {}
        self._calls: dict[tuple[str, int], CallArguments] = {}

    @abstractmethod
    def at(self, dtype: str) -> Any: ...

    @abstractmethod
    def copy(self) -> Any:
        """A runner of a copy of the model; what the copy does leaves this one as it is."""

    @abstractmethod
    def weights(self, path: str) -> dict[str, Array]: ...

    @abstractmethod
    def put_weights(self, path: str, arrays: Mapping[str, Array]) -> None:
        """Change weights of a module in place, by name as `weights` gives them.

        Raises:
            UsageError: If the module has no such weight, or makes it in a way that cannot be undone.
        """

    def with_weights(self, weights: Mapping[str, Mapping[str, Array]]) -> Any:
        """A copy with other weights, by path and name as `weights` gives them; this one is left as
        it is.

        Raises:
            UsageError: If the module has no such weight, or makes it in a way that cannot be undone.
        """
        runner = self.copy()
        for path, arrays in weights.items():
            runner.put_weights(path, arrays)
        return runner

    @abstractmethod
    def _record(self, recorder: Recorder) -> contextlib.AbstractContextManager[Any]:
        """While entered, what the model computes goes to the recorder; `_remember` and
        `_substitute` are called.
        """

    @abstractmethod
    def _finish_trace(self, recorder: Recorder) -> Trace: ...

    @abstractmethod
    def _to_tensor(self, array: Array, module: Any) -> Any:
        """The framework's tensor; floating elements in the type in which `module` computes."""

    @abstractmethod
    def _to_array(self, tensor: Any) -> Array: ...

    @abstractmethod
    def _make_replacement(self, tensor: Any, array: Array) -> Any: ...

    @abstractmethod
    def _is_tensor(self, value: object) -> bool: ...

    @abstractmethod
    def _count_elements(self, tensor: Any) -> int: ...

    @abstractmethod
    def _copy_tensor(self, tensor: Any) -> Any: ...

    def _get_forward(self, module: Any) -> Callable[..., Any]:
        """The function whose signature says how the module is called."""
        forward: Callable[..., Any] = module.__call__
        return forward

    def _make_run_context(self) -> contextlib.AbstractContextManager[Any]:
        """Entered around every run: torch computes no gradients in it, MLX float64 on the CPU."""
        return contextlib.nullcontext()

    @property
    def forward(self) -> Callable[..., Any]:
        """The function that a run calls, with the signature that the user wrote."""
        return self._get_forward(self.model)

    def paths(self) -> tuple[str, ...]:
        return tuple(self._modules)

    def modules(self) -> Iterator[tuple[str, Any]]:
        """Every module with its path, in the order of definition."""
        yield from self._modules.items()

    def is_leaf(self, path: str) -> bool:
        """Whether a module consists of no others."""
        inside = f"{path}." if path else ""
        return not any(name.startswith(inside) for name in self._modules if name not in ("", path))

    def run(
        self, inputs: Mapping[str, Array], *, store: TensorStore | None = None, **options: Any
    ) -> Trace:
        recorder = Recorder(CaptureOptions(**options), store)
        args, kwargs = self.bind_inputs(inputs)
        self._calls.clear()
        with self._make_run_context(), self._record(recorder):
            call_user_code(self.model, self.name, args, kwargs)
        return self._finish_trace(recorder)

    def run_outputs(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the whole model once and record nothing: what it gives, by role."""
        args, kwargs = self.bind_inputs(inputs)
        with self._make_run_context():
            return self.read_tensors(call_user_code(self.model, self.name, args, kwargs))

    def call(
        self,
        path: str,
        inputs: Mapping[str, Array],
        *,
        call: int = 0,
        changes: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        module = self._get_module(path)
        tensors = {role: self._to_tensor(array, module) for role, array in iter_role_inputs(inputs)}
        args, kwargs = self._build_arguments(path, call, tensors)
        values = {
            name: self._to_tensor(value, module) if isinstance(value, np.ndarray) else value
            for name, value in (changes or {}).items()
        }
        with self._make_run_context(), change_attributes(module, values):
            output = call_user_code(module, path or self.name, args, kwargs)
        return self.read_tensors(output)

    def call_recorded(
        self,
        path: str,
        inputs: Mapping[str, Array],
        *,
        call: int = 0,
        changes: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Trace:
        """The record of what a module calls while it runs alone, as `call` runs it; calls are numbered from 0.

        Args:
            options: See `auscult.runtime.options.CaptureOptions`.
        """
        remembered_calls = dict(self._calls)
        try:
            with self.record(**options) as read_trace:
                self.call(path, inputs, call=call, changes=changes)
                return read_trace()
        finally:
            self._calls = remembered_calls

    def bind_inputs(self, inputs: Mapping[str, Array]) -> tuple[list[Any], dict[str, Any]]:
        """Arguments of the whole model, as the framework's tensors."""
        args, kwargs = bind_arguments(self.forward, inputs)
        return (
            [self._to_tensor(array, self.model) for array in args],
            {name: self._to_tensor(array, self.model) for name, array in kwargs.items()},
        )

    def to_array(self, tensor: Any) -> Array:
        """The elements of one of the framework's tensors."""
        return self._to_array(tensor)

    def call_function(
        self, function: Callable[..., Any], arrays: Sequence[Any], **values: Any
    ) -> Any:
        """Call a function of the model with arrays as its tensors; other arguments go as they are.

        Returns:
            What it gives, as the framework has it; `read_tensors` makes arrays of it.

        Raises:
            TargetError: If it raises.
        """
        tensors = [self._to_tensor(array, self.model) for array in arrays]
        name = getattr(function, "__qualname__", type(function).__name__)
        with self._make_run_context():
            return call_user_code(function, name, tensors, values)

    def read_tensors(self, value: Any) -> dict[str, Array]:
        """Copies of the tensors inside what the user's code gave, by role: `output`, `output.1`."""
        return {
            role: self._to_array(tensor).copy()
            for role, tensor in iter_roles(value, "output", self._is_tensor)
        }

    @contextlib.contextmanager
    def record(self, **options: Any) -> Iterator[Callable[[], Trace]]:
        """While entered, whatever code calls the model's modules, they are recorded; calling what this gives ends in the
        trace so far.
        """
        recorder = Recorder(CaptureOptions(**options))
        with self._make_run_context(), self._record(recorder):
            yield lambda: self._finish_trace(recorder)

    def change_functions(
        self, changes: Sequence[CallChange]
    ) -> contextlib.AbstractContextManager[CalledFunctions]:
        """While entered, the model's code calls the framework's functions with changed arguments; gives those known functions
        that were called.

        Raises:
            UsageError: If the framework's functions cannot be changed.
        """
        if changes:
            raise UsageError(
                "functions cannot be called with other arguments",
                where=self.name,
                found=self.framework,
                hint="torch's functions can",
            )
        return contextlib.nullcontext({})

    @contextlib.contextmanager
    def replace(
        self, path: str, outputs: Mapping[str, Array], *, call: int | None = None
    ) -> Iterator[None]:
        self._get_module(path)
        self._substitutes[path, call] = outputs
        try:
            yield
        finally:
            del self._substitutes[path, call]

    def module(self, path: str) -> ModuleInfo:
        self._get_module(path)
        if self._infos is None:
            self._infos = state_of(self.model).modules
        return self._infos[path]

    def _get_module(self, path: str) -> Any:
        if path not in self._modules:
            example_paths = ", ".join(list(self._modules)[1:7])
            raise UsageError(
                "has no such module", where=self.name, found=path, hint=f"it has {example_paths}"
            )
        return self._modules[path]

    def _build_arguments(self, path: str, call: int, tensors: dict[str, Any]) -> CallArguments:
        """Arguments of a module: the given tensors in the places that the last run showed, or by
        position and name.
        """
        remembered_call = self._calls.get((path, call))
        if remembered_call is None:
            positional, keyword_tensors = split_arguments(tensors)
            return tuple(positional), keyword_tensors
        remaining_tensors = dict(tensors)

        def fill_slot(role: str, remembered_tensor: Any) -> Any:
            tensor = remaining_tensors.pop(role, remembered_tensor)
            if isinstance(tensor, ArgumentSlot):
                hint = "take it from the trace of the run"
                raise UsageError(
                    "needs a tensor that was not given",
                    where=f"{path or self.name} {role}",
                    hint=hint,
                )
            return tensor

        args, kwargs = (
            replace_tensors(part, "input", fill_slot, self._is_tensor_or_slot)
            for part in remembered_call
        )
        if remaining_tensors:
            roles = [role for role, _ in iter_call_roles(*remembered_call, self._is_tensor_or_slot)]
            raise UsageError(
                "was not called with such an argument",
                where=f"{path or self.name}#{call}",
                found=", ".join(remaining_tensors),
                hint=f"it took {', '.join(roles)}",
            )
        return args, kwargs

    def _is_tensor_or_slot(self, value: object) -> bool:
        return isinstance(value, ArgumentSlot) or self._is_tensor(value)

    def _remember_call(
        self, path: str, call: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        def keep_or_mark(_role: str, tensor: Any) -> Any:
            if self._count_elements(tensor) <= MAX_REMEMBERED_ELEMENTS:
                return self._copy_tensor(tensor)
            return ArgumentSlot()

        remembered_parts = tuple(
            replace_tensors(part, "input", keep_or_mark, self._is_tensor) for part in (args, kwargs)
        )
        self._calls[path, call] = (remembered_parts[0], remembered_parts[1])

    def _substitute_output(
        self, path: str, call: int, _args: Any, _kwargs: Any, output: Any
    ) -> Any:
        arrays = self._substitutes.get((path, call), self._substitutes.get((path, None)))
        if arrays is None:
            return None

        def replace_output(role: str, tensor: Any) -> Any:
            array = arrays.get(role)
            if array is None:
                return tensor
            return self._make_replacement(tensor, array)

        return replace_tensors(output, "output", replace_output, self._is_tensor)
