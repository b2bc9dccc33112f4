"""What runners of modules share, on a framework of numpy functions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from auscult.errors import UsageError
from auscult.runtime import module_runner
from auscult.runtime.module_runner import ModuleRunner
from auscult.runtime.recorder import Recorder
from auscult.traces.records import Manifest, Trace
from auscult.weights import Array

X = np.arange(4, dtype=np.float32)


class Scale:
    """Multiplies, by keyword too."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        y = x * np.float32(self.factor)
        return y if mask is None else y * mask


class ScaleRunner(ModuleRunner):
    framework, dtype = "numpy", "float32"

    def __init__(self, model: Scale) -> None:
        super().__init__(model, {"": model}, "scale")

    def at(self, dtype: str) -> Any:
        raise UsageError("has one type", where=dtype)

    def copy(self) -> ScaleRunner:
        return ScaleRunner(Scale(self.model.factor))

    def weights(self, path: str) -> dict[str, Array]:
        return {"factor": np.asarray(self._get_module(path).factor, np.float32)}

    def put_weights(self, path: str, arrays: Mapping[str, Array]) -> None:
        self._get_module(path).factor = float(arrays["factor"])

    @contextlib.contextmanager
    def _record(self, recorder: Recorder) -> Iterator[None]:
        original = Scale.__call__

        def call(module: Scale, *args: Any, **kwargs: Any) -> Any:
            self._remember_call("", 0, args, kwargs)
            own = original(module, *args, **kwargs)
            changed = self._substitute_output("", 0, args, kwargs, own)
            recorder.add("", 0, "output", "Scale", own if changed is None else changed)
            return own

        setattr(Scale, "__call__", call)  # noqa: B010 - a method is put in place of another
        yield
        setattr(Scale, "__call__", original)  # noqa: B010

    def _finish_trace(self, recorder: Recorder) -> Trace:
        return recorder.finish(Manifest("numpy"))

    def _to_tensor(self, array: Array, module: Any) -> Array:  # noqa: ARG002
        return array

    def _to_array(self, tensor: Array) -> Array:
        return np.asarray(tensor)

    def _make_replacement(self, tensor: Array, array: Array) -> Array:
        return array.astype(tensor.dtype)

    def _is_tensor(self, value: object) -> bool:
        return isinstance(value, np.ndarray)

    def _count_elements(self, tensor: Array) -> int:
        return tensor.size

    def _copy_tensor(self, tensor: Array) -> Array:
        return tensor.copy()


def output(trace: Trace) -> list[float]:
    return trace.tensor(trace.records[0]).tolist()


def test_a_run_and_one_with_another_output_in_its_place() -> None:
    runner = ScaleRunner(Scale(2))
    assert output(runner.run({"x": X})) == [0, 2, 4, 6]
    with runner.replace("", {"output": X + 1}):
        assert output(runner.run({"x": X})) == [1, 2, 3, 4]
    assert output(runner.run({"x": X})) == [0, 2, 4, 6]


def test_a_module_alone_takes_the_rest_from_its_last_call() -> None:
    runner = ScaleRunner(Scale(2))
    runner.run({"x": X, "mask": np.array([1, 0, 1, 0], np.float32)})
    assert runner.call("", {"input": X + 1})["output"].tolist() == [2, 0, 6, 0]
    changed = runner.call("", {"input": X}, changes={"factor": 10.0})["output"]
    assert changed.tolist() == [0, 0, 20, 0]
    assert runner.model.factor == 2
    with pytest.raises(UsageError, match="not called with such an argument"):
        runner.call("", {"input.bias": X})


def test_large_tensors_have_to_be_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_runner, "MAX_REMEMBERED_ELEMENTS", 3)
    runner = ScaleRunner(Scale(2))
    runner.run({"x": X, "mask": X})
    with pytest.raises(UsageError, match="needs a tensor that was not given"):
        runner.call("", {"input": X})


def test_paths_that_are_not_there() -> None:
    runner = ScaleRunner(Scale(2))
    for ask in (runner.weights, runner.module):
        with pytest.raises(UsageError, match="has no such module"):
            ask("nowhere")
