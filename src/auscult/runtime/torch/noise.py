"""Random operations of torch, seen below all modules and functions: recorded, and replaced by
recorded ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from auscult.runtime.noise import DISTRIBUTION_KINDS, NoiseReplay
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.convert import is_tensor, to_array, to_tensor

RANDOM_OPERATIONS = frozenset(chain.from_iterable(DISTRIBUTION_KINDS.values())) | {
    *("exponential_", "exponential", "log_normal_", "cauchy_", "geometric_", "poisson", "binomial"),
    *("_standard_gamma", "_sample_dirichlet", "rrelu_with_noise"),
}


class NoiseRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, every random draw is recorded under the module in which it is made.

    Args:
        place: Gives path and call number of the module that is running.
    """

    def __init__(self, recorder: Recorder, place: Callable[[], tuple[str, int]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder, self.place = recorder, place
        self.replay: NoiseReplay | None = None
        if recorder.options.replay is not None:
            self.replay = NoiseReplay(recorder.options.replay)
        self._counts: dict[str, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if torch.Tag.nondeterministic_seeded in func.tags:
            name = str(func.overloadpacket.__name__)
            if name in RANDOM_OPERATIONS:
                self._drawn(name, output, args)
            elif not _is_dropout_off(func, args, kwargs or {}):
                self.recorder.notes.setdefault("noise_not_recorded", name)
        return output

    def _drawn(self, name: str, output: Any, args: tuple[Any, ...]) -> None:
        drawn = output[1] if name == "native_dropout" else output
        if not is_tensor(drawn):
            return
        if self.replay is not None:
            array = self.replay.draw(name, tuple(drawn.shape))
            drawn.copy_(to_tensor(array).to(dtype=drawn.dtype, device=drawn.device))
            if name == "native_dropout" and args[1] < 1:
                output[0].copy_(args[0] * drawn / (1 - args[1]))
        path, _ = self.place()
        number = self._counts.get(path, 0)
        self._counts[path] = number + 1
        self.recorder.add(path, number, "noise", name, to_array(drawn))


def _is_dropout_off(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a random operation has its dropout off."""
    schema = func._schema.arguments
    for position, argument in enumerate(schema):
        if argument.name in ("dropout_p", "p", "dropout"):
            if position < len(args):
                value = args[position]
            else:
                value = kwargs.get(argument.name, argument.default_value)
            return not value
    return False
