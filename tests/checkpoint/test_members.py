"""A member of an archive is read as the file is: from a window of the archive where it is stored, from memory where it is deflated."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.archive import read_archive
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Checkpoint
from tests.checkpoint.fuzzing import sample, sample_names, suffix_of

PADDING = b"what stands before the member, of an odd length"


def assert_same_checkpoint(member: Checkpoint, direct: Checkpoint) -> None:
    assert list(member.tensors) == list(direct.tensors)
    assert len(direct.tensors) > 0
    for name, tensor in direct.tensors.items():
        assert member.tensors[name].shape == tensor.shape
        assert member.tensors[name].dtype == tensor.dtype
        assert member.tensors[name].numpy().tobytes() == tensor.numpy().tobytes()
    assert member.format == direct.format
    assert member.metadata == direct.metadata
    assert member.container == direct.container
    assert member.hazards == direct.hazards
    assert member.skips == direct.skips
    assert member.modules == direct.modules
    assert member.ties == direct.ties


def pack_zip(path: Path, name: str, content: bytes, method: int) -> Source:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("padding.txt", PADDING)
        archive.writestr(name, content)
    return read_archive(Source(path)).open_source(name)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", sample_names())
def test_a_member_of_a_zip_archive_equals_the_file(name: str, method: int, tmp_path: Path) -> None:
    for seed in range(4):
        direct = tmp_path / f"model{seed}{suffix_of(name)}"
        direct.write_bytes(sample(name, seed))
        member = pack_zip(
            tmp_path / f"{seed}.zip", f"weights/{direct.name}", direct.read_bytes(), method
        )
        assert (member.name, member.suffix) == (direct.name, direct.suffix)
        assert_same_checkpoint(open_checkpoint(member), open_checkpoint(direct))


@pytest.mark.parametrize("name", sample_names())
def test_a_member_of_a_tar_archive_equals_the_file(name: str, tmp_path: Path) -> None:
    direct = tmp_path / f"model{suffix_of(name)}"
    direct.write_bytes(sample(name, 0))
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(direct, f"folder/{direct.name}")
    with tarfile.open(tmp_path / "all.tar") as archive:
        info = archive.getmember(f"folder/{direct.name}")
    member = Source(tmp_path / "all.tar").open_stored_member(info.name, info.offset_data, info.size)
    assert_same_checkpoint(open_checkpoint(member), open_checkpoint(direct))


def test_an_archive_in_an_archive(tmp_path: Path) -> None:
    direct = tmp_path / "model.safetensors"
    direct.write_bytes(sample("safetensors", 0))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as inner:
        inner.writestr("model.safetensors", direct.read_bytes())
    outer = pack_zip(tmp_path / "outer.zip", "inner.zip", buffer.getvalue(), zipfile.ZIP_STORED)
    member = read_archive(outer).open_source("model.safetensors")
    assert member.where == f"{tmp_path}/outer.zip/inner.zip/model.safetensors"
    assert_same_checkpoint(open_checkpoint(member), open_checkpoint(direct))


def test_two_members_of_one_archive_keep_apart(tmp_path: Path) -> None:
    """The directories of archives are remembered by file, and by the member that they are."""
    arrays = {"a": np.arange(3.0), "b": np.arange(4.0)}
    for name, array in arrays.items():
        np.savez(tmp_path / f"{name}.npz", array)
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        for name in arrays:
            archive.write(tmp_path / f"{name}.npz", f"{name}.npz")
    both = read_archive(Source(tmp_path / "both.zip"))
    for name, array in arrays.items():
        checkpoint = open_checkpoint(both.open_source(f"{name}.npz"))
        assert checkpoint.tensors["arr_0"].numpy().tolist() == array.tolist()


def test_an_error_names_the_member(tmp_path: Path) -> None:
    content = sample("safetensors", 0)[:-1]
    member = pack_zip(tmp_path / "all.zip", "cut.safetensors", content, zipfile.ZIP_STORED)
    with pytest.raises(
        CheckpointError, match=r"all\.zip/cut\.safetensors: points outside the file"
    ):
        open_checkpoint(member)


def test_a_member_of_no_known_format_is_refused(tmp_path: Path) -> None:
    member = pack_zip(tmp_path / "all.zip", "page.bin", b"<html>", zipfile.ZIP_STORED)
    with pytest.raises(CheckpointError, match=r"all\.zip/page\.bin: is a web page"):
        open_checkpoint(member)


def test_shards_in_an_archive_are_refused(tmp_path: Path) -> None:
    """An index names files beside it, and a member has none: also not those that lie beside the archive."""
    (tmp_path / "a.safetensors").write_bytes(sample("safetensors", 0))
    index = json.dumps({"weight_map": {"x": "a.safetensors"}}).encode()
    member = pack_zip(
        tmp_path / "all.zip", "model.safetensors.index.json", index, zipfile.ZIP_STORED
    )
    with pytest.raises(
        CheckpointError, match=r"a\.safetensors, which cannot be reached in an arch"
    ):
        open_checkpoint(member)


def test_a_member_stays_within_its_window(tmp_path: Path) -> None:
    member = pack_zip(tmp_path / "all.zip", "a.bin", b"abc", zipfile.ZIP_STORED)
    assert member.bytes(0, member.size) == b"abc"
    with pytest.raises(CheckpointError, match="points outside the file"):
        member.view(1, 3)
    with pytest.raises(CheckpointError, match="points outside the file"):
        Source(tmp_path / "all.zip").open_stored_member("late.bin", 10, 10_000)
