"""Functional operations, seen below modules."""

from __future__ import annotations

import torch

from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.operations import OperationRecorder


def record(path: str) -> list[str]:
    recorder = Recorder(CaptureOptions())
    x = torch.arange(4.0)
    with OperationRecorder(recorder, lambda: (path, 0), {"block"}.__contains__):
        y = torch.sin(x) + torch.sin(2 * x)
        y.reshape(2, 2).detach()
        torch.empty(3)
        torch.topk(x, 2)
    return [record.key for record in recorder.records]


def test_what_computes_is_recorded_and_views_are_not() -> None:
    assert record("block") == [
        "block#0:op:sin",
        "block#0:op:mul",
        "block#0:op:sin.1",
        "block#0:op:add",
        "block#0:op:topk",
        "block#0:op:topk.1",
    ]


def test_other_modules_are_left_alone() -> None:
    assert record("elsewhere") == []
