"""ONNX files are known by their suffix; without the runtime the error says what to install."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.runtime.capture import onnx as capture


def test_a_path_of_that_suffix_and_nothing_else() -> None:
    assert capture.accepts(Path("model.onnx"))
    assert capture.accepts(Path("MODEL.ONNX"))
    assert not capture.accepts(Path("model.pt"))
    assert not capture.accepts("model.onnx")


def test_without_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "auscult.runtime.capture.find_spec",
        lambda name: None if name == "onnxruntime" else found(name),
    )
    with pytest.raises(UsageError, match="needs onnxruntime") as error:
        capture.open_runner(Path("model.onnx"), "model.onnx")
    assert "auscult-audio[onnx]" in str(error.value)
