from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.formats.tf_checkpoint import _encode_signed, _encode_slice_key
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Checkpoint
from tests.checkpoint.folder_samples import tf_checkpoint
from tests.checkpoint.folder_samples.tf_checkpoint import SUFFIX, encode, encode_entry

KERNEL = np.random.default_rng(1).standard_normal((5, 3, 4), np.float32)
BIAS = np.random.default_rng(2).standard_normal(4, np.float32)


def test_variables_are_read_by_the_ways_to_them(tmp_path: Path) -> None:
    tf_checkpoint.make(tmp_path, 3)
    for target in (tmp_path, tmp_path / "ckpt-1.index", tmp_path / "ckpt-1.data-00000-of-00001"):
        checkpoint = open_checkpoint(target)
        assert checkpoint.format == "tensorflow"
        assert list(checkpoint) == ["model.conv.bias", "model.conv.kernel", "save_counter"]
        expected = np.random.default_rng(3).standard_normal((5, 3, 4), np.float32)
        assert checkpoint["model.conv.kernel"].numpy().tolist() == expected.tolist()
        assert {entry.kind for entry in checkpoint.containers} == {"model", "optimizer"}
        assert checkpoint.skips == ()


def test_a_saved_model_has_each_variable_once(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    variables = {f"variables/{n}{SUFFIX}": v for n, v in enumerate((KERNEL, BIAS))}
    variables |= {f"_all_variables/{n}{SUFFIX}": v for n, v in enumerate((BIAS, KERNEL))}
    names = ["conv_pre/kernel", "conv_pre/bias", "conv_pre/bias", "conv_pre/kernel"]
    state = f"variables/2{SUFFIX}"
    full_names = dict(zip(variables, names, strict=True)) | {state: "seeds/seed_generator_state"}
    variables[state] = np.array([1, 2], np.int64)
    tf_checkpoint.write(tmp_path / "variables", "variables", variables, full_names=full_names)
    for target in (tmp_path, tmp_path / "saved_model.pb"):
        checkpoint = open_checkpoint(target)
        assert list(checkpoint) == ["conv_pre.kernel", "conv_pre.bias"]
        assert not any(skip.is_weight for skip in checkpoint.skips)
    torch_like = Checkpoint.of(
        {"conv_pre.weight": KERNEL.transpose(2, 1, 0).copy(), "conv_pre.bias": BIAS}
    )
    assert diff(torch_like, tmp_path).verdict is Verdict.EQUIVALENT


def test_a_second_variable_with_other_values_stays(tmp_path: Path) -> None:
    variables = {f"a{SUFFIX}": BIAS, f"b{SUFFIX}": BIAS + 1}
    tf_checkpoint.write(tmp_path, "m", variables, full_names=dict.fromkeys(variables, "bias"))
    assert list(open_checkpoint(tmp_path)) == ["a", "b"]


def test_a_model_variable_may_lie_in_the_optimizers_list(tmp_path: Path) -> None:
    variables = {
        f"model/optimizer/_trainable_variables/7{SUFFIX}": KERNEL,
        f"model/optimizer/_variables/2{SUFFIX}": KERNEL * 2,
    }
    tf_checkpoint.write(tmp_path, "m", variables)
    assert list(open_checkpoint(tmp_path)) == ["model.optimizer._trainable_variables.7"]


def test_parts_of_a_variable_are_joined(tmp_path: Path) -> None:
    rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    name, data, entries = b"enc/part", b"", {b"": encode([(1, 1)])}
    slices = b""
    for start, stop in ((0, 4), (4, 7), (7, 10)):
        extents = ((start, stop - start), (0, 3))
        parts = b"".join(tf_extent(first, length) for first, length in extents)
        slices += encode([(7, parts)])
        entries[_encode_slice_key(name, extents)] = encode_entry(rows[start:stop], len(data))
        data += rows[start:stop].tobytes()
    entries[name] = encode([(1, 1), (2, encode([(2, encode([(1, s)])) for s in (10, 3)]))]) + slices
    tf_checkpoint.write_table(tmp_path / "m.index", entries)
    (tmp_path / "m.data-00000-of-00001").write_bytes(data)
    tensor = open_checkpoint(tmp_path)["enc.part"]
    assert tensor.numpy().tolist() == rows.tolist()
    assert tensor.flat(10, 15).tolist() == [10, 11, 12, 13, 14]


def tf_extent(start: int, length: int) -> bytes:
    return encode([(1, encode([(1, start), (2, length)]))])


def test_keys_of_parts_are_written_as_tensorflow_does() -> None:
    # from a file that TensorFlow 2.21 wrote, and the rule of its ordered_code.cc for longer numbers
    assert (
        _encode_slice_key(b"part", ((4, 3), (0, 3))) == b"\x00part\x00\x01\x01\x02\x84\x83\x80\x83"
    )
    assert _encode_signed(63) == b"\xbf"
    assert _encode_signed(64) == b"\xc0\x40"
    assert _encode_signed(-1) == b"\x7f"
    assert _encode_signed(8192) == b"\xe0\x20\x00"


def test_of_several_checkpoints_the_last_is_read(tmp_path: Path) -> None:
    tf_checkpoint.write(tmp_path, "ckpt-1", {"w": BIAS})
    tf_checkpoint.write(tmp_path, "ckpt-2", {"w": BIAS + 1})
    with pytest.raises(CheckpointError, match="several TensorFlow checkpoints"):
        open_checkpoint(tmp_path)
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-2"\n')
    assert open_checkpoint(tmp_path)["w"].numpy().tolist() == (BIAS + 1).tolist()


def test_a_missing_data_file_is_named(tmp_path: Path) -> None:
    tf_checkpoint.make(tmp_path, 0)
    (tmp_path / "ckpt-1.data-00000-of-00001").unlink()
    with pytest.raises(CheckpointError, match=r"ckpt-1\.data-00000-of-00001, which is not there"):
        open_checkpoint(tmp_path)


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    tf_checkpoint.make(tmp_path, 0)
    content = bytearray((tmp_path / "ckpt-1.index").read_bytes())
    content[40] ^= 1
    (tmp_path / "ckpt-1.index").write_bytes(content)
    with pytest.raises(CheckpointError, match="whose checksum is wrong"):
        open_checkpoint(tmp_path)


def test_a_compressed_index_is_said_to_be_that(tmp_path: Path) -> None:
    tf_checkpoint.write(tmp_path, "m", {"w": BIAS}, compression=1)
    with pytest.raises(CheckpointError, match="compressed with snappy"):
        open_checkpoint(tmp_path)


def test_a_saved_model_without_variables_says_so(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(CheckpointError, match="SavedModel without variables"):
        open_checkpoint(tmp_path)


def test_another_index_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "search.index").write_bytes(
        b"words and their pages, in the order of the alphabet, no table"
    )
    with pytest.raises(CheckpointError, match="without a checkpoint"):
        open_checkpoint(tmp_path)
