from __future__ import annotations

import shutil
import sys
from pathlib import Path

import msgpack
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Checkpoint
from tests.checkpoint.folder_samples import orbax

LAYOUTS = [(True, "zarr"), (True, "zarr3"), (False, "zarr"), (False, "zarr3")]


def assert_is_whole(path: Path, seed: int) -> None:
    checkpoint = open_checkpoint(path)
    assert checkpoint.format == "orbax"
    assert checkpoint.container == ("params",)
    assert list(checkpoint) == ["conv.bias", "conv.kernel"]
    for name, tensor in checkpoint.items():
        expected = orbax.draw(seed)[f"params.{name}"]
        assert tensor.numpy().tobytes() == expected.tobytes()
        assert tensor.flat(1, 4).tobytes() == expected.reshape(-1)[1:4].tobytes()
    assert {entry.kind for entry in checkpoint.containers} == {"model", "optimizer"}
    assert checkpoint.skips == ()


def read_all(path: Path) -> None:
    for tensor in open_checkpoint(path).values():
        tensor.numpy()


@pytest.mark.parametrize(("is_database", "version"), LAYOUTS)
def test_arrays_are_read_by_their_names(is_database: bool, version: str, tmp_path: Path) -> None:
    orbax.write(tmp_path, orbax.draw(5), is_database=is_database, version=version)
    assert_is_whole(tmp_path, 5)


def test_the_folders_of_a_step_and_of_a_manager_are_read(tmp_path: Path) -> None:
    orbax.make(tmp_path / "run" / "30" / "default", 2)
    (tmp_path / "run" / "30" / "meta").mkdir()
    assert_is_whole(tmp_path / "run" / "30", 2)
    assert_is_whole(tmp_path / "run", 2)
    orbax.make(tmp_path / "run" / "40" / "default", 4)
    with pytest.raises(CheckpointError, match=r"several steps .*30, 40"):
        open_checkpoint(tmp_path / "run")


def test_the_order_of_axes_is_no_fault(tmp_path: Path) -> None:
    orbax.make(tmp_path, 0)
    arrays = orbax.draw(0)
    torch_like = Checkpoint.of(
        {
            "conv.weight": arrays["params.conv.kernel"].transpose(2, 1, 0).copy(),
            "conv.bias": arrays["params.conv.bias"],
        }
    )
    report = diff(torch_like, tmp_path)
    assert report.verdict is Verdict.EQUIVALENT
    assert {finding.severity for finding in report.findings} <= {"info", "warning"}


def test_a_missing_chunk_is_no_row_of_zeros(tmp_path: Path) -> None:
    orbax.make(tmp_path, 1)
    chunks = sorted(
        path for path in (tmp_path / "params.conv.kernel").iterdir() if path.name[0] != "."
    )
    assert len(chunks) == 3
    chunks[1].unlink()
    with pytest.raises(CheckpointError, match=r"params\.conv\.kernel: lacks a part"):
        open_checkpoint(tmp_path)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    orbax.make(tmp_path, 1)
    shutil.rmtree(tmp_path / "params.conv.bias")
    with pytest.raises(CheckpointError, match=r"lacks the array params\.conv\.bias"):
        open_checkpoint(tmp_path)


def test_a_missing_file_of_the_store_is_an_error(tmp_path: Path) -> None:
    orbax.make(tmp_path, 0)
    for path in (tmp_path / "d").iterdir():
        path.unlink()
    with pytest.raises(CheckpointError, match="cannot be read by tensorstore"):
        read_all(tmp_path)


def test_an_unfinished_checkpoint_is_said_to_be_that(tmp_path: Path) -> None:
    orbax.make(tmp_path / "ocdbt.process_0", 0)
    with pytest.raises(CheckpointError, match="unfinished checkpoint"):
        open_checkpoint(tmp_path)


def test_small_values_of_older_versions_are_joined(tmp_path: Path) -> None:
    arrays = orbax.draw(1)
    bias = arrays.pop("params.conv.bias")
    orbax.write(tmp_path, arrays, is_database=False)
    (tmp_path / "_METADATA").unlink()
    content = (list(bias.shape), "float32", bias.tobytes())
    packed = msgpack.ExtType(1, msgpack.packb(content))
    tree = {"params": {"conv": {"bias": packed, "kernel": "PLACEHOLDER://params.conv.kernel"}}}
    (tmp_path / "checkpoint").write_bytes(msgpack.packb(tree))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint["conv.bias"].numpy().tolist() == bias.tolist()
    assert checkpoint["conv.kernel"].shape == (5, 3, 4)


def test_without_tensorstore_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orbax.make(tmp_path, 0)
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    with pytest.raises(CheckpointError, match=r"needs tensorstore.*pip install '.*\[orbax\]'"):
        open_checkpoint(tmp_path)


def test_a_folder_that_only_looks_similar_is_another(tmp_path: Path) -> None:
    (tmp_path / "manifest.ocdbt").write_bytes(b"another kind of manifest")
    (tmp_path / "_METADATA").write_text("{}")
    with pytest.raises(CheckpointError, match="without a checkpoint"):
        open_checkpoint(tmp_path)
