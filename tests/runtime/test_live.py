"""A trace that grows while the user's own code runs the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from auscult.errors import TargetError
from auscult.runtime.live import find_capture_module, trace


def test_it_grows_and_is_a_trace_afterwards() -> None:
    model = torch.nn.Linear(2, 3)
    with trace(model) as live:
        assert len(live) == 0
        model(torch.ones(1, 2))
        assert [record.key for record in live] == ["#0:input", "#0:output"]
        assert live.tensor(live.records[0]).tolist() == [[1, 1]]
        model(torch.zeros(1, 2))
    assert [record.call for record in live] == [0, 0, 1, 1]
    assert (live.manifest.framework, live.path) == ("torch", "memory")
    model(torch.ones(1, 2))
    assert len(live) == 4  # nobody listens any more


def test_into_a_file_it_is_read_afterwards(tmp_path: Path) -> None:
    model, path = torch.nn.Linear(2, 3), tmp_path / "t.safetensors"
    with trace(model, path) as live:
        model(torch.ones(1, 2))
        with pytest.raises(TargetError, match="is being written"):
            live.tensor(live.records[0])
    assert np.array_equal(live.tensor(live.records[0]), [[1, 1]])
    assert path.exists()


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 3)
    with pytest.raises(RuntimeError), trace(model, tmp_path / "t.safetensors"):
        model(torch.ones(1, 5))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_watched() -> None:
    with pytest.raises(TargetError, match="cannot be watched"):
        find_capture_module(Path("model.onnx"))
