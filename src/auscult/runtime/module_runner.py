"""What runners of torch and MLX modules share: everything but the framework's own calls."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auscult.checkpoint.target import state_of
from auscult.errors import AuscultError, TargetError, UsageError
from auscult.runtime.options import Options
from auscult.runtime.recorder import Recorder, Store
from auscult.runtime.roles import arguments, bound, call_roles, named_inputs, replaced, roles
from auscult.traces.records import Trace
from auscult.weights import Array, ModuleInfo

MAX_HELD = 1 << 16
"""Elements of a tensor that is remembered from a module's last call, so that masks and steps need not be given again."""
Call = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Slot:
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
        self._calls: dict[tuple[str, int], Call] = {}

    @abstractmethod
    def at(self, dtype: str) -> Any: ...

    @abstractmethod
    def weights(self, path: str) -> dict[str, Array]: ...

    @abstractmethod
    def _record(self, recorder: Recorder) -> contextlib.AbstractContextManager[Any]:
        """While entered, what the model computes goes to the recorder; `_remember` and `_substitute` are called."""

    @abstractmethod
    def _finish(self, recorder: Recorder) -> Trace: ...

    @abstractmethod
    def _tensor(self, array: Array, module: Any) -> Any:
        """The framework's tensor; floating elements in the type in which `module` computes."""

    @abstractmethod
    def _array(self, tensor: Any) -> Array: ...

    @abstractmethod
    def _in_place_of(self, tensor: Any, array: Array) -> Any: ...

    @abstractmethod
    def _is_tensor(self, value: object) -> bool: ...

    @abstractmethod
    def _size(self, tensor: Any) -> int: ...

    @abstractmethod
    def _copy(self, tensor: Any) -> Any: ...

    def _forward(self, module: Any) -> Callable[..., Any]:
        """The function whose signature says how the module is called."""
        forward: Callable[..., Any] = module.__call__
        return forward

    def _quiet(self) -> contextlib.AbstractContextManager[Any]:
        """Without gradients."""
        return contextlib.nullcontext()

    def paths(self) -> tuple[str, ...]:
        return tuple(self._modules)

    def run(
        self, inputs: Mapping[str, Array], *, store: Store | None = None, **options: Any
    ) -> Trace:
        recorder = Recorder(Options(**options), store)
        args, kwargs = bound(self._forward(self.model), inputs)
        args = [self._tensor(array, self.model) for array in args]
        kwargs = {name: self._tensor(array, self.model) for name, array in kwargs.items()}
        self._calls.clear()
        with self._quiet(), self._record(recorder):
            guarded(self.model, self.name, args, kwargs)
        return self._finish(recorder)

    def call(
        self,
        path: str,
        inputs: Mapping[str, Array],
        *,
        call: int = 0,
        changes: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        module = self._module(path)
        tensors = {role: self._tensor(array, module) for role, array in named_inputs(inputs)}
        args, kwargs = self._arguments(path, call, tensors)
        with self._quiet(), changed(module, changes or {}):
            output = guarded(module, path or self.name, args, kwargs)
        return {
            role: self._array(tensor).copy()
            for role, tensor in roles(output, "output", self._is_tensor)
        }

    @contextlib.contextmanager
    def replace(
        self, path: str, outputs: Mapping[str, Array], *, call: int | None = None
    ) -> Iterator[None]:
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

    def _module(self, path: str) -> Any:
        if path not in self._modules:
            some = ", ".join(list(self._modules)[1:7])
            raise UsageError(
                "has no such module", where=self.name, found=path, hint=f"it has {some}"
            )
        return self._modules[path]

    def _arguments(self, path: str, call: int, tensors: dict[str, Any]) -> Call:
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
                raise UsageError(
                    "needs a tensor that was not given",
                    where=f"{path or self.name} {role}",
                    hint=hint,
                )
            return tensor

        args, kwargs = (replaced(part, "input", fill, self._is_held) for part in known)
        if left:
            raise UsageError(
                "was not called with such an argument",
                where=f"{path or self.name}#{call}",
                found=", ".join(left),
                hint=f"it took {', '.join(role for role, _ in call_roles(*known, self._is_held))}",
            )
        return args, kwargs

    def _is_held(self, value: object) -> bool:
        return isinstance(value, Slot) or self._is_tensor(value)

    def _remember(
        self, path: str, call: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        def hold(_role: str, tensor: Any) -> Any:
            return self._copy(tensor) if self._size(tensor) <= MAX_HELD else Slot()

        held = tuple(replaced(part, "input", hold, self._is_tensor) for part in (args, kwargs))
        self._calls[path, call] = (held[0], held[1])

    def _substitute(self, path: str, call: int, _args: Any, _kwargs: Any, output: Any) -> Any:
        arrays = self._substitutes.get((path, call), self._substitutes.get((path, None)))
        if arrays is None:
            return None

        def swap(role: str, tensor: Any) -> Any:
            array = arrays.get(role)
            return tensor if array is None else self._in_place_of(tensor, array)

        return replaced(output, "output", swap, self._is_tensor)


def guarded(function: Any, name: str, args: Any, kwargs: Any) -> Any:
    """Call the user's code; what it raises becomes one line."""
    try:
        return function(*args, **kwargs)
    except AuscultError:
        raise
    except Exception as error:  # whatever the user's model raises is for the user, as one line
        said = " ".join(str(error).split())[:300] or "no message"
        hint = "check names, shapes and types of the inputs; --debug shows the traceback"
        raise TargetError(
            f"raised {type(error).__name__}: {said}", where=name, hint=hint
        ) from error


@contextlib.contextmanager
def changed(module: Any, changes: Mapping[str, Any]) -> Iterator[None]:
    """Set attributes of a module, or with dots of what it consists of, and set them back.

    Raises:
        UsageError: If it has no such attribute.
    """
    before: list[tuple[Any, str, Any]] = []
    try:
        for name, value in changes.items():
            *steps, attribute = name.split(".")
            owner = module
            for step in steps:
                owner = (
                    owner[int(step)] if isinstance(owner, list | tuple) else getattr(owner, step)
                )
            before.append((owner, attribute, _existing(owner, attribute, type(module).__name__)))
            setattr(owner, attribute, value)
        yield
    finally:
        for owner, attribute, value in reversed(before):
            setattr(owner, attribute, value)


def _existing(owner: Any, attribute: str, where: str) -> Any:
    if not hasattr(owner, attribute):
        raise UsageError("has no such attribute", where=where, found=attribute)
    return getattr(owner, attribute)
