from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.formats.ort import sniff
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.weights import Checkpoint
from tests.checkpoint.flatbuffer_writer import Scalar, pack
from tests.checkpoint.samples.ort import make, make_graph, make_node, make_tensor, write_model

WEIGHT = np.random.default_rng(3).normal(size=(16, 8, 5)).astype(np.float32)


def test_tensors_have_the_names_and_operators_of_onnx(tmp_path: Path) -> None:
    make(tmp_path / "m.ort", 0)
    checkpoint = open_checkpoint(tmp_path / "m.ort")
    assert checkpoint.format == "ort"
    assert list(checkpoint) == [
        *("conv.weight", "conv.bias", "linear", "scale", "zero", "slope", "inner"),
    ]
    conv = checkpoint.modules["conv.weight"]
    assert (conv.type, conv.attributes["strides"], conv.attributes["input"]) == ("Conv", (2,), 1)
    assert checkpoint.modules["linear"].type == "MatMul"
    assert checkpoint["linear"].quantization is not None
    assert checkpoint.modules["slope"].attributes["constant"] is True
    assert checkpoint.metadata == {
        "producer": "sample 1",
        "ort_version": "6",
        "opset": "ai.onnx 17",
    }


def test_what_onnx_runtime_writes_is_read(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[2, 2])
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, side, 9])
        for name, side in (("x", 8), ("y", 16))
    ]
    graph = helper.make_graph(
        [node], "g", values[:1], values[1:], [numpy_helper.from_array(WEIGHT, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), options)
    checkpoint = open_checkpoint(tmp_path / "m.ort")
    assert np.array_equal(checkpoint["w"].numpy(), WEIGHT)
    assert checkpoint.modules["w"].type == "Conv"


def test_a_model_equals_its_checkpoint_and_another_does_not(tmp_path: Path) -> None:
    nodes = [make_node("Conv", ["x", "c.weight"], ["y"])]
    write_model(tmp_path / "m.ort", make_graph({"c.weight": WEIGHT}, nodes))
    assert diff(str(tmp_path / "m.ort"), Checkpoint.of({"c.weight": WEIGHT})).verdict.name == "PASS"
    other = Checkpoint.of({"c.weight": WEIGHT[::-1].copy() * 2})
    assert diff(str(tmp_path / "m.ort"), other).verdict.name == "DIVERGENT"


def test_an_initializer_outside_the_file_is_skipped(tmp_path: Path) -> None:
    tensor = make_tensor("w", WEIGHT)
    del tensor[4]
    write_model(tmp_path / "m.ort", {0: [tensor]})
    (skip,) = open_checkpoint(tmp_path / "m.ort").skips
    assert (skip.where, skip.is_weight) == ("w", True)
    assert "outside the file" in skip.reason


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "m.ort", 0)
    content = (tmp_path / "m.ort").read_bytes()
    (tmp_path / "m.ort").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path / "m.ort")


def test_another_flatbuffer_is_no_model(tmp_path: Path) -> None:
    content = pack({0: Scalar("I", 3)}, b"ORTX")
    (tmp_path / "m.ort").write_bytes(content)
    assert not sniff(Source(tmp_path / "m.ort"), content[:64])


def test_a_session_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.ort").write_bytes(pack({0: "6"}, b"ORTM"))
    with pytest.raises(CheckpointError, match="holds no model"):
        open_checkpoint(tmp_path / "m.ort")
