"""Random functions of MLX: recorded, and replaced by recorded draws."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import mlx.core as mx

from auscult.runtime.mlx.convert import to_array, to_tensor
from auscult.runtime.noise import NoiseReplay
from auscult.runtime.recorder import Recorder

NON_DRAWING_FUNCTIONS = frozenset(("key", "seed", "split", "state"))


class NoiseRecorder:
    """While entered, every call of a function of `mx.random` is recorded under the module in which
    it is made.

    Code that took a function out of the module beforehand (`from mlx.core.random import normal`) is
    not seen.
    """

    def __init__(self, recorder: Recorder, place: Callable[[], tuple[str, int]]) -> None:
        self.recorder, self.place = recorder, place
        self.replay = (
            NoiseReplay(recorder.options.replay) if recorder.options.replay is not None else None
        )
        self._counts: dict[str, int] = {}
        self._exit_stack = ExitStack()

    def __enter__(self) -> NoiseRecorder:
        for name in dir(mx.random):
            if (
                not name.startswith("_")
                and name not in NON_DRAWING_FUNCTIONS
                and callable(getattr(mx.random, name))
            ):
                original = getattr(mx.random, name)
                setattr(mx.random, name, self._wrap_function(name, original))
                self._exit_stack.callback(setattr, mx.random, name, original)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit_stack.close()

    def _wrap_function(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def draw(*args: Any, **kwargs: Any) -> Any:
            drawn = original(*args, **kwargs)
            if self.replay is not None:
                drawn = to_tensor(self.replay.draw(name, tuple(drawn.shape))).astype(drawn.dtype)
            path, _ = self.place()
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            self.recorder.add(path, number, "noise", name, to_array(drawn))
            return drawn

        return draw
