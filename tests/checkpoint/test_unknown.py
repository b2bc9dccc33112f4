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


def test_a_zipped_folder_names_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("voice/config.json", "{}")
        archive.writestr("voice/model.safetensors", b"x" * 100)
    assert "with voice/model.safetensors; unpack it and give that file" in explain(path)


def test_a_zip_without_weights_is_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "text")
    assert "holds no checkpoint" in explain(path)


def test_a_cache_of_models_names_one(tmp_path: Path) -> None:
    (tmp_path / "models--org--voice" / "snapshots").mkdir(parents=True)
    assert "give one of its folders, such as models--org--voice" in explain(tmp_path)
