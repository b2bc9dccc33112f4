"""A pickle without tensors that holds code says which; a clean one does not."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auscult.errors import CheckpointError
from auscult.verbs.sides import open_side


class _MakesFolder:
    """Unpickling makes a folder: harmless, and seen if it happens."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        import os

        return os.mkdir, (self.folder,)


def _read_error(path: Path, content: object) -> str:
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match="holds no tensors") as caught:
        open_side(path)
    return str(caught.value)


def test_a_call_is_named_and_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    message = _read_error(tmp_path / "code.pkl", _MakesFolder(folder))
    assert "unpickling it would call " in message
    assert ".mkdir" in message
    assert not folder.exists()
    pickle.loads((tmp_path / "code.pkl").read_bytes())
    assert folder.exists()  # the sample does what it says


def test_an_import_without_a_call_is_named(tmp_path: Path) -> None:
    import shutil

    message = _read_error(tmp_path / "import.pkl", {"function": shutil.copyfile})
    assert "would import shutil.copyfile" in message


def test_a_clean_pickle_without_tensors_names_no_code(tmp_path: Path) -> None:
    message = _read_error(tmp_path / "clean.pkl", {"epoch": 3, "names": ["a", "b"]})
    assert "code" not in message.replace(str(tmp_path), "")
