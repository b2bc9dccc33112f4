"""Trace whatever the user's own code makes a model compute: several calls, loops, generators."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Mapping
from typing import Any

from auscult import plugins
from auscult.errors import TargetError
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import MemoryStore, Recorder
from auscult.traces.file import FileStore
from auscult.traces.records import Manifest, Record, RecordValues, Trace

CAPTURES_PACKAGE = "auscult.runtime.capture"


class LiveTrace(Trace):
    """A trace that grows while the model runs; afterwards it is a trace like any other.

    With a path, tensors can be read only once the context has ended.
    """

    def __init__(self, recorder: Recorder) -> None:
        # Trace is frozen: what changes here is which trace this one stands for.
        object.__setattr__(self, "_recorder", recorder)
        object.__setattr__(self, "_finished", None)

    def _get_current_trace(self) -> Trace:
        finished: Trace | None = self.__dict__["_finished"]
        if finished is not None:
            return finished
        recorder: Recorder = self.__dict__["_recorder"]
        if isinstance(recorder.store, MemoryStore):
            values = recorder.store.arrays.__getitem__
        else:
            values = _raise_unfinished
        return Trace(
            Manifest("", noise=tuple(recorder.noise)),
            tuple(recorder.records),
            values,
            "live",
            recorder.left_out,
        )

    @property
    def manifest(self) -> Manifest:
        return self._get_current_trace().manifest

    @property
    def records(self) -> tuple[Record, ...]:
        return self._get_current_trace().records

    @property
    def values(self) -> RecordValues:
        return self._get_current_trace().values

    @property
    def path(self) -> str:
        return self._get_current_trace().path

    @property
    def left_out(self) -> Mapping[str, str]:
        return self._get_current_trace().left_out


def _raise_unfinished(key: str, /) -> Any:
    raise TargetError("is being written", where=key, hint="read it after the `with` block")


class TracingContext(contextlib.AbstractContextManager[LiveTrace]):
    """The context that `auscult.trace(model)` gives."""

    def __init__(
        self,
        model: Any,
        path: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
        **options: Any,
    ) -> None:
        self._capture = find_capture_module(model)
        self._model, self._path, self._force = model, path, force
        self._options = CaptureOptions(**options)

    def __enter__(self) -> LiveTrace:
        store = MemoryStore() if self._path is None else FileStore(self._path, force=self._force)
        self._recorder = Recorder(self._options, store)
        self._probe = self._capture.probe(self._model, self._recorder)
        self._probe.__enter__()
        self._trace = LiveTrace(self._recorder)
        return self._trace

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self._probe.__exit__(kind, error, traceback)
        store = self._recorder.store
        if error is not None and isinstance(store, FileStore):
            store.discard(error)
            return
        finished = self._recorder.finish(self._capture.manifest(self._model, self._recorder))
        object.__setattr__(self._trace, "_finished", finished)


def find_capture_module(model: Any) -> Any:
    """The capture for a live model.

    Raises:
        TargetError: If no framework that can be watched knows it.
    """
    for name in plugins.list_module_names(CAPTURES_PACKAGE):
        module = importlib.import_module(f"{CAPTURES_PACKAGE}.{name}")
        if module.accepts(model) and hasattr(module, "probe"):
            return module
    raise TargetError(
        "cannot be watched while other code runs it",
        where=type(model).__qualname__,
        expected="a torch or MLX module",
        found=f"{type(model).__module__}.{type(model).__qualname__}",
        hint="give a model file to `auscult trace`",
    )


def trace(
    model: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    **options: Any,
) -> TracingContext:
    """Record everything that `model` computes while the context is open, whoever calls it and how
    often.

        with auscult.trace(model) as t:
            my_inference_script(model)
        t.find("decoder.ups.0").statistics

    Args:
        model: A live torch or MLX module.
        path: A file for the trace. It is written while the model runs; without it, the trace stays in
            memory.
        options: See `auscult.runtime.options.CaptureOptions`: `detail="sketch"`, `include=("decoder.*",)`,
            `replay=other_trace`, ...

    Raises:
        TargetError: If the value is no module of torch or MLX.
        UsageError: If the file exists and `force` is not given.
    """
    return TracingContext(model, path, force=force, **options)
