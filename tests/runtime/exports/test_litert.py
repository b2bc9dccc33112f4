"""Without an exporter to LiteRT the user is told which to install."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch")

from auscult.errors import UsageError
from auscult.runtime.exports import list_forms, litert
from tests.runtime.exports.exported_network import MEL, make_network


def test_forms_are_found_by_their_files() -> None:
    assert list_forms() == ("compiled", "litert", "onnx", "torchscript")


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) for name in litert.PACKAGES), reason="an exporter is there"
)
def test_no_exporter(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="litert-torch"):
        litert.make_export(make_network(), [MEL], {}, tmp_path)
