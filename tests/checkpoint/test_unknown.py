"""What is said of a file or a folder that no reader recognises."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError


def explain(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path)
    return str(caught.value)


def test_a_zip_without_weights_is_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "text")
    assert "holds no checkpoint" in explain(path)
