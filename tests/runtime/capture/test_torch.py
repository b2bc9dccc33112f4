"""torch modules are known without importing torch, and opened and watched as such."""

from __future__ import annotations

import numpy as np
import torch

from auscult.runtime.capture import torch as capture
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder

X = np.ones((1, 2), np.float32)


def test_a_module_and_nothing_else() -> None:
    assert capture.accepts(torch.nn.Linear(2, 3))
    assert not capture.accepts(torch.ones(2))
    assert not capture.accepts("model.pt")


def test_it_is_run() -> None:
    runner = capture.open_runner(torch.nn.Linear(2, 3), "linear")
    assert (runner.framework, runner.name) == ("torch", "linear")
    assert [record.key for record in runner.run({"input": X})] == ["#0:input", "#0:output"]


def test_it_is_watched() -> None:
    model, recorder = torch.nn.Linear(2, 3), Recorder(CaptureOptions())
    with capture.probe(model, recorder):
        model(torch.ones(1, 2))
    assert [record.key for record in recorder.records] == ["#0:input", "#0:output"]
    assert capture.manifest(model, recorder).framework == "torch"
