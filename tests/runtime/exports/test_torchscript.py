"""TorchScript gives what the module gives."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from auscult.runtime.exports import torchscript
from tests.runtime.exports.exported_network import assert_same_output


def test_a_traced_module(tmp_path: Path) -> None:
    assert_same_output(torchscript, tmp_path)
