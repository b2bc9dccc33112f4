"""The runner for whatever is given as a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.errors import TargetError, UsageError
from auscult.runtime.runner import make_runner


def test_code_is_called_with_its_arguments(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    code = tmp_path / "nets.py"
    code.write_text("import torch\ndef build(width):\n    return torch.nn.Linear(width, 3)\n")
    runner = make_runner(f"{code}:build", {"width": 5})
    assert (runner.framework, runner.name) == ("torch", f"{code}:build")
    assert runner.weights("")["weight"].shape == (3, 5)


def test_arguments_are_for_code() -> None:
    with pytest.raises(UsageError, match="only code takes --kwargs"):
        make_runner("model.onnx", {"width": 5})


def test_what_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is no file"):
        make_runner(str(tmp_path / "none.onnx"))
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"")
    with pytest.raises(TargetError, match="cannot be run") as error:
        make_runner(str(weights))
    assert "needs its code" in str(error.value)
    with pytest.raises(TargetError, match="cannot be run"):
        make_runner(object())
