"""`train` says what is missing before it reads anything."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from auscult.errors import UsageError
from auscult.verbs.train import judge, train


@pytest.mark.parametrize("missing", ["torch", "accelerate"])
def test_a_missing_package_is_told(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def find_spec(name: str) -> Any:
        return None if name == missing else real(name)

    monkeypatch.setattr(judge, "find_spec", find_spec)
    with pytest.raises(UsageError, match=rf"needs {missing}.*pip install 'auscult-audio\[train\]'"):
        train.train_model("codec", settings={"data": "nowhere"})


def test_a_device_that_is_not_there_is_told() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match="no NVIDIA GPU here"):
        train.train_model("codec", settings={"data": "nowhere", "device": "cuda"})
    with pytest.raises(UsageError, match="no such device"):
        train.train_model("codec", settings={"data": "nowhere", "device": "tpu"})
