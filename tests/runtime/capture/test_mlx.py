"""MLX modules are known without importing MLX, and opened and watched as such."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.runtime.capture import mlx as capture
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder

X = np.ones((1, 2), np.float32)


def test_a_module_and_nothing_else() -> None:
    assert capture.accepts(nn.Linear(2, 3))
    assert not capture.accepts(mx.ones(2))


def test_it_is_run() -> None:
    runner = capture.open_runner(nn.Linear(2, 3), "linear")
    assert (runner.framework, runner.name) == ("mlx", "linear")
    assert [record.key for record in runner.run({"input": X})] == ["#0:input", "#0:output"]


def test_it_is_watched() -> None:
    model, recorder = nn.Linear(2, 3), Recorder(CaptureOptions())
    with capture.probe(model, recorder):
        model(mx.ones((1, 2)))
    assert [record.key for record in recorder.records] == ["#0:input", "#0:output"]
    assert capture.manifest(model, recorder).framework == "mlx"
