"""Results of functional operations inside composite modules, seen below all modules and
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from auscult.runtime.recorder import Recorder
from auscult.runtime.roles import iter_roles
from auscult.runtime.torch.convert import is_tensor, to_array

UNRECORDED_OPERATIONS = frozenset(
    ("detach", "empty", "empty_like", "empty_strided", "lift_fresh", "_local_scalar_dense")
)


class OperationRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, records what ATen's operations give as `op:NAME`, `op:NAME.1`; views of other
    tensors are left out.

    Args:
        place: Gives path and call number of the module that is running.
        wanted: Whether operations of the module of that path are recorded.
    """

    def __init__(
        self,
        recorder: Recorder,
        place: Callable[[], tuple[str, int]],
        is_recorded: Callable[[str], bool],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder, self.place, self.wanted = recorder, place, is_recorded
        self._counts: dict[tuple[str, int, str], int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        name = str(func.overloadpacket.__name__)
        path, call = self.place()
        if self.wanted(path) and name not in UNRECORDED_OPERATIONS and not _is_view(func):
            number = self._counts.get((path, call, name), 0)
            self._counts[path, call, name] = number + 1
            base = f"op:{name}.{number}" if number else f"op:{name}"
            for role, tensor in iter_roles(output, base, is_tensor):
                self.recorder.add(path, call, role, name, to_array(tensor))
        return output


def _is_view(func: Any) -> bool:
    """Whether the result shares elements with an argument without writing to them."""
    return any(
        value.alias_info is not None and not value.alias_info.is_write
        for value in func._schema.returns
    )
