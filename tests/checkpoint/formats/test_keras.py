from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Verdict
from auscult.weights import Checkpoint
from tests.checkpoint.samples import keras

NAMES = {
    "conv_pre.kernel": "layers/conv1d/vars/0",
    "conv_pre.bias": "layers/conv1d/vars/1",
    "lstm.cell.kernel": "layers/lstm/cell/vars/0",
    "lstm.cell.recurrent_kernel": "layers/lstm/cell/vars/1",
    "lstm.cell.bias": "layers/lstm/cell/vars/2",
}


@pytest.mark.parametrize("seed", [2, 3])
def test_variables_have_the_names_of_keras(seed: int, tmp_path: Path) -> None:
    keras.make(tmp_path / "model.keras", seed)
    checkpoint = open_checkpoint(tmp_path / "model.keras")
    assert checkpoint.format == "keras"
    assert list(checkpoint) == list(NAMES)
    for name, place in NAMES.items():
        expected = keras.draw(seed)[place]
        assert checkpoint[name].numpy().tobytes() == expected.tobytes()
        assert checkpoint[name].flat(1, 3).tobytes() == expected.reshape(-1)[1:3].tobytes()
    assert {entry.kind for entry in checkpoint.containers} == {"model", "optimizer"}


def test_the_order_of_axes_is_no_fault(tmp_path: Path) -> None:
    variables = keras.draw(0)
    variables = {name: values for name, values in variables.items() if "optimizer" not in name}
    (tmp_path / "m.weights.h5").write_bytes(keras.pack(variables))
    torch_like = Checkpoint.of(
        {
            "conv_pre.weight": variables["layers/conv1d/vars/0"].transpose(2, 1, 0).copy(),
            "conv_pre.bias": variables["layers/conv1d/vars/1"],
            "lstm.weight_ih": variables["layers/lstm/cell/vars/0"].T.copy(),
            "lstm.weight_hh": variables["layers/lstm/cell/vars/1"].T.copy(),
            "lstm.bias": variables["layers/lstm/cell/vars/2"],
        }
    )
    report = diff(torch_like, tmp_path / "m.weights.h5")
    assert report.verdict is Verdict.EQUIVALENT
    assert {finding.severity for finding in report.findings} <= {"info", "warning"}
    assert inspect(tmp_path / "m.weights.h5").findings == ()


def test_a_changed_value_is_found(tmp_path: Path) -> None:
    variables = keras.draw(0)
    (tmp_path / "a.weights.h5").write_bytes(keras.pack(variables))
    variables["layers/conv1d/vars/0"][0, 0, 0] += 1
    (tmp_path / "b.weights.h5").write_bytes(keras.pack(variables))
    report = diff(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5")
    assert report.verdict is Verdict.DIVERGENT


def test_the_older_form_is_read(tmp_path: Path) -> None:
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["model_weights/dense/dense/kernel:0"] = kernel
        file["model_weights/dense/dense/bias:0"] = kernel[0]
        file["model_weights/functional/inner/kernel:0"] = kernel
        file["optimizer_weights/adam/dense_kernel_momentum"] = kernel
        file["model_weights"].attrs["keras_version"] = "2.15.0"
    checkpoint = open_checkpoint(tmp_path / "old.h5")
    assert sorted(checkpoint) == ["dense.bias", "dense.kernel", "functional.inner.kernel"]
    assert checkpoint["dense.kernel"].numpy().tolist() == kernel.tolist()
    assert checkpoint.metadata["keras_version"] == "2.15.0"


def test_arrays_of_others_keep_their_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "stats.h5", "w") as file:
        file["mean"] = np.arange(5, dtype=">f8")
        file["inner/packed"] = h5py.Empty("f4")
        file.create_dataset("inner/scale", data=np.ones((40, 5), np.float16), compression="gzip")
        file.create_dataset("half", data=np.arange(3).astype(ml_dtypes.bfloat16).view("V2"))
        file["half"].attrs["dtype"] = "bfloat16"
        file["text"] = "a note"
    checkpoint = open_checkpoint(tmp_path / "stats.h5")
    assert checkpoint.format == "hdf5"
    assert checkpoint["mean"].numpy().tolist() == [0, 1, 2, 3, 4]
    assert checkpoint["inner.scale"].numpy().shape == (40, 5)
    assert checkpoint["inner.scale"].flat(3, 5).tolist() == [1, 1]
    assert checkpoint["half"].numpy().tolist() == [0, 1, 2]
    assert {skip.where: skip.is_weight for skip in checkpoint.skips} == {
        "inner/packed": False,
        "text": False,
    }


def test_layers_of_an_unknown_kind_keep_numbers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["layers/my_layer/vars/0"] = np.ones(3, np.float32)
        file["layers/dense/vars/0"] = np.ones((2, 3, 4), np.float32)  # no Dense of Keras has this
        file["layers/dropout/seed_generator/vars/0"] = np.ones(2, np.uint32)
        file["vars/0"] = np.ones(1, np.float32)
    checkpoint = open_checkpoint(tmp_path / "m.h5")
    assert sorted(checkpoint) == ["dense.var0", "my_layer.var0", "var0"]
    (skip,) = checkpoint.skips
    assert "random" in skip.reason


def test_links_and_other_files_are_not_followed(tmp_path: Path) -> None:
    np.arange(4, dtype=np.float32).tofile(tmp_path / "secret.bin")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weight"] = np.ones(4, np.float32)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["own"] = np.ones(4, np.float32)
        file["linked"] = h5py.ExternalLink("other.h5", "/weight")
        file["soft"] = h5py.SoftLink("/own")
        file.create_dataset(
            "outside", (4,), np.float32, external=[(str(tmp_path / "secret.bin"), 0, 16)]
        )
        file["loop/again"] = file["/"]
    checkpoint = open_checkpoint(tmp_path / "m.h5")
    assert list(checkpoint) == ["own"]
    assert {skip.where for skip in checkpoint.skips} == {"linked", "soft", "outside"}


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    content = keras.pack(keras.draw(0))
    (tmp_path / "m.weights.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="damaged HDF5 file"):
        open_checkpoint(tmp_path / "m.weights.h5")


def test_without_h5py_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras.make(tmp_path / "m.keras", 1)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(CheckpointError, match=r"needs h5py.*pip install '.*\[keras\]'"):
        open_checkpoint(tmp_path / "m.keras")


def test_an_archive_without_weights_is_another(tmp_path: Path) -> None:

    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        open_checkpoint(tmp_path / "m.keras")
