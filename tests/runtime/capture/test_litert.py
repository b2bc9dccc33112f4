"""LiteRT files are known by their suffix; without the runtime the error says what to install."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.runtime.capture import litert as capture


def test_a_path_of_that_suffix_and_nothing_else() -> None:
    assert capture.accepts(Path("model.tflite"))
    assert capture.accepts(Path("MODEL.TFLITE"))
    assert not capture.accepts(Path("model.pt"))
    assert not capture.accepts("model.tflite")


def test_without_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "auscult.runtime.capture.find_spec",
        lambda name: None if name == "ai_edge_litert" else found(name),
    )
    with pytest.raises(UsageError, match="needs ai_edge_litert") as error:
        capture.open_runner(Path("model.tflite"), "model.tflite")
    assert "auscult-audio[litert]" in str(error.value)
