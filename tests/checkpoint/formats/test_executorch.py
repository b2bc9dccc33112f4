from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.weights import Checkpoint
from tests.checkpoint.flatbuffer_writer import Scalar, pack
from tests.checkpoint.samples.executorch import (
    TENSOR,
    attach_segments,
    describe_constant,
    make,
    write_program,
    write_tensors,
)

WEIGHT = np.random.default_rng(2).normal(size=(16, 8, 3)).astype(np.float32)


def test_named_tensors_are_read(tmp_path: Path) -> None:
    write_tensors(tmp_path / "m.ptd", {"conv.weight": WEIGHT}, {})
    report = diff(str(tmp_path / "m.ptd"), Checkpoint.of({"conv.weight": WEIGHT}))
    assert report.verdict.name == "PASS"
    other = Checkpoint.of({"conv.weight": WEIGHT[::-1].copy() * 2})
    assert diff(str(tmp_path / "m.ptd"), other).verdict.name == "DIVERGENT"


def test_data_without_a_shape_is_skipped_by_its_name(tmp_path: Path) -> None:
    write_tensors(tmp_path / "m.ptd", {"a": WEIGHT}, {"packed": b"\1\2\3"})
    (skip,) = open_checkpoint(tmp_path / "m.ptd").skips
    assert (skip.where, skip.is_weight) == ("packed", True)
    assert skip.reason == "3 bytes without a shape, for a backend"


def test_constants_of_a_program_have_its_names_or_their_numbers(tmp_path: Path) -> None:
    make(tmp_path / "m.pte", 1)
    checkpoint = open_checkpoint(tmp_path / "m.pte")
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "conv.weight": (4, 3, 5),
        "constant_2": (4,),
        "constant_3": (6, 4),
    }
    operators = {name: info.type for name, info in checkpoint.modules.items()}
    assert operators == {
        "conv.weight": "ConvTranspose",
        "constant_2": "ConvTranspose",
        "constant_3": "Gemm",
    }


def test_axes_in_another_order_are_put_back(tmp_path: Path) -> None:
    value = describe_constant(WEIGHT, 1)
    value[3] = np.asarray([0, 2, 1], np.uint8)
    stored = np.ascontiguousarray(WEIGHT.transpose(0, 2, 1))
    write_program(tmp_path / "m.pte", [stored], [(TENSOR, value)], [])
    tensor = open_checkpoint(tmp_path / "m.pte")["constant_1"]
    assert np.array_equal(tensor.numpy(), WEIGHT)
    assert np.array_equal(tensor.flat(5, 40), WEIGHT.reshape(-1)[5:40])


def test_tensors_of_another_file_and_of_a_backend_are_skipped_with_words(tmp_path: Path) -> None:
    value = describe_constant(WEIGHT, 0, "conv.weight")
    value[9][2] = Scalar("b", 1)
    write_program(tmp_path / "m.pte", [], [(TENSOR, value)], [])
    (skip,) = open_checkpoint(tmp_path / "m.pte").skips
    assert (skip.where, skip.is_weight) == ("conv.weight", True)
    assert "in the .ptd that belongs to it" in skip.reason


def test_a_program_for_a_backend_says_what_to_give(tmp_path: Path) -> None:
    plan = {0: "forward", 7: [{0: "XnnpackBackend"}]}
    root = {0: Scalar("I", 0), 1: [plan]}
    (tmp_path / "m.pte").write_bytes(attach_segments(pack(root, b"ET12"), b"", b"eh00"))
    (skip,) = open_checkpoint(tmp_path / "m.pte").skips
    assert skip.where == "forward.delegate_0"
    assert "compiled for XnnpackBackend" in skip.reason
    assert ".pt2" in skip.reason


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.ptd"
    write_tensors(path, {"a": WEIGHT}, {})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match="points outside the file"):
        open_checkpoint(path)


def test_another_identifier_is_another_format(tmp_path: Path) -> None:
    (tmp_path / "m.pte").write_bytes(pack({0: Scalar("I", 1)}, b"ETXX"))
    with pytest.raises(CheckpointError, match="does not know"):
        open_checkpoint(tmp_path / "m.pte")
