"""A folder of .npy files: what their names say, in which order they ran, and which folders are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.errors import CheckpointError, TraceError
from auscult.traces.npy_folder import key_from_stem, read_npy_folder


@pytest.mark.parametrize(
    ("stem", "key"),
    [
        ("0007__decoder.ups.0__output", "decoder.ups.0#0:output"),
        ("0007__decoder.ups.0__c2__output", "decoder.ups.0#2:output"),
        ("0000__input", "#0:input"),
        ("0099__output.1", "#0:output.1"),
        ("conv", "conv#0:output"),
        ("3__act__op.add", "act#0:op:add"),
        ("5__flow__noise", "flow#0:noise"),
    ],
)
def test_names_of_files(stem: str, key: str) -> None:
    assert key_from_stem(stem) == key


def test_numbers_are_the_order_and_others_come_after(tmp_path: Path) -> None:
    for name in ("layer10", "layer9", "12__b", "2__a__input"):
        np.save(tmp_path / f"{name}.npy", np.ones(3, np.float32))
    np.save(tmp_path / "13__a__noise.npy", np.arange(4.0))
    trace = read_npy_folder(tmp_path)
    assert [record.path for record in trace] == ["a", "b", "a", "layer9", "layer10"]
    assert trace.manifest.framework == "numpy"
    assert trace.manifest.noise == ("a#0:noise",)
    assert trace.tensor(trace.records[2]).tolist() == [0, 1, 2, 3]


def test_a_manifest_beside_them(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((1, 2, 3), np.float32))
    (tmp_path / "manifest.json").write_text('{"framework": "C++", "axes": "NCT"}')
    trace = read_npy_folder(tmp_path)
    assert (trace.manifest.framework, trace.records[0].axes) == ("C++", "NCT")


def test_folders_that_are_no_trace(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no folder"):
        read_npy_folder(tmp_path / "none")
    with pytest.raises(CheckpointError, match=r"no \.npy files"):
        read_npy_folder(tmp_path)
    np.save(tmp_path / "a.npy", np.array(["text"]))
    with pytest.raises(CheckpointError, match="no array of numbers"):
        read_npy_folder(tmp_path)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(CheckpointError, match=r"no \.npy array"):
        read_npy_folder(tmp_path)


def test_two_files_for_one_record(tmp_path: Path) -> None:
    for name in ("1__a", "2__a__output"):
        np.save(tmp_path / f"{name}.npy", np.ones(3, np.float32))
    with pytest.raises(TraceError, match="two files for one record"):
        read_npy_folder(tmp_path)
