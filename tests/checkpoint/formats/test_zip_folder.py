"""A zipped folder is its model; of several models none is guessed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from tests.rules.models import filled

STATES = [filled({f"conv{index}.weight": (8, 4, 3)}, index) for index in range(3)]


def write_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_one_checkpoint_of_a_zipped_folder(tmp_path: Path, method: int) -> None:
    members = {
        "voice/config.json": b"{}",
        "voice/model.safetensors": save(STATES[0]),
        "voice/pytorch_model.bin": b"the same in another format",
        "__MACOSX/voice/._model.safetensors": b"Finder's notes",
    }
    checkpoint = open_checkpoint(write_zip(tmp_path / "voice.zip", members, method))
    assert checkpoint.format == "safetensors"
    assert checkpoint.metadata["archive members"] == "voice/model.safetensors"
    assert checkpoint.metadata["archive members not read"] == "voice/pytorch_model.bin"
    values = checkpoint["conv0.weight"].numpy()
    assert np.array_equal(values, STATES[0]["conv0.weight"])


def test_all_shards_are_one_checkpoint(tmp_path: Path) -> None:
    members = {
        f"voice/model-{index + 1:05d}-of-00003.safetensors": save(state)
        for index, state in enumerate(STATES)
    }
    whole = open_checkpoint(write_zip(tmp_path / "voice.zip", members))
    assert sorted(whole) == ["conv0.weight", "conv1.weight", "conv2.weight"]
    members.popitem()
    with pytest.raises(CheckpointError, match="several checkpoints inside"):
        open_checkpoint(write_zip(tmp_path / "short.zip", members))


def test_several_models_are_listed(tmp_path: Path) -> None:
    members = {f"{name}/model.safetensors": save(STATES[0]) for name in ("a", "b")}
    with pytest.raises(CheckpointError, match=r"found a/model\.safetensors, b/model\.safetensors"):
        open_checkpoint(write_zip(tmp_path / "two.zip", members))


def test_a_file_that_only_looks_like_weights(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.zip", {"voice/model.safetensors": b"x" * 100})
    with pytest.raises(CheckpointError, match=r"model\.zip/voice/model\.safetensors"):
        open_checkpoint(path)
