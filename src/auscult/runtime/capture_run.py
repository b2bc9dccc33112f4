"""Run a model once and record it: the one call behind `auscult trace`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auscult.runtime.device import DeviceName
from auscult.runtime.inputs import collect_inputs
from auscult.runtime.runner import Runner, make_runner
from auscult.traces.file import FileStore
from auscult.traces.records import Trace


def capture(
    target: Any,
    inputs: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    force: bool = False,
    device: DeviceName | None = None,
    **options: Any,
) -> Trace:
    """Run a model and record what every layer computes.

    Args:
        target: A live module, code (`package.module:callable`), a model file (.onnx, .tflite), or a
            Runner.
        inputs: Arrays or tensors by name or position, or files of them, as
            `auscult.runtime.inputs.collect_inputs` takes them.
        path: A file for the trace. It is written while the model runs; without it, the trace stays in
            memory.
        kwargs: Arguments for code.
        device: Where the model runs; None is where its code puts it.
        options: See `auscult.runtime.options.CaptureOptions`.

    Raises:
        TargetError: If the target cannot be run, or raises an error.
        UsageError: If the inputs do not fit, or the file exists and `force` is not given.
    """
    arrays = collect_inputs(inputs)
    runner: Runner = (
        target
        if hasattr(target, "paths") and hasattr(target, "run")
        else make_runner(target, kwargs, device)
    )
    if path is None:
        return runner.run(arrays, **options)
    store = FileStore(Path(path), force=force)
    try:
        return runner.run(arrays, store=store, **options)
    except BaseException as error:
        store.discard(error)
        raise
