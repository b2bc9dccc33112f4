from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.weights import Array, Checkpoint
from tests.checkpoint.folder_samples.openvino import IrWriter, add_scaled, make

DRAW = np.random.default_rng(7)


def write_layer(ir: IrWriter, kind: str, weight: Array, data: str = "") -> None:
    """An input, a weight and the operator that takes both."""
    ir.add(kind, kind, ir.add("x", "Parameter"), ir.add_constant("weight", weight), data=data)


def pack_nibbles(codes: Array) -> Array:
    """Codes of four bits, two to a byte, the first in the low bits."""
    flat = codes.reshape(-1).astype(np.uint8) & 15
    return flat[0::2] | flat[1::2] << np.uint8(4)


def test_constants_are_listed_with_the_operator_that_takes_them(tmp_path: Path) -> None:
    make(tmp_path, 0)
    checkpoint = open_checkpoint(tmp_path / "model.xml")
    assert checkpoint.format == "openvino"
    assert checkpoint.is_graph
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "conv.weight": (6, 4, 3),
        "conv.bias": (1, 6, 1),
        "grouped": (6, 3, 3),
        "linear": (8, 16),
        "linear/shape": (2,),
    }
    operators = {name: info.type for name, info in checkpoint.modules.items()}
    assert operators["conv.weight"] == operators["grouped"] == "Conv"
    assert operators["linear"] == "MatMul"


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_a_bias_of_one_number_in_float16_is_that_of_its_convolution(
    factor: float, tmp_path: Path
) -> None:
    weight = DRAW.normal(size=(1, 8, 7)).astype(np.float32)
    bias = np.array([0.0485], np.float32)
    ir = IrWriter()
    kernel = ir.add_constant("weight_compressed", weight.astype(np.float16))
    x = ir.add("convolution", "Convolution", ir.add("x", "Parameter"), ir.decompress("w", kernel))
    stored = (bias * np.float32(factor)).astype(np.float16).reshape(1, 1, 1)
    added = ir.add_constant("bias_compressed", stored)
    ir.add("sum", "Add", x, ir.decompress("Reshape", added))
    ir.write(tmp_path / "model.xml")
    reference = Checkpoint.of({"conv_post.weight": weight, "conv_post.bias": bias})
    report = diff(reference, open_checkpoint(tmp_path / "model.xml"))
    expected = "EQUIVALENT" if factor == 1.0 else "DIVERGENT"
    assert report.verdict.name == expected


def test_a_weight_in_float16_has_the_name_that_the_runtime_shows(tmp_path: Path) -> None:
    ir = IrWriter()
    values = DRAW.normal(size=(3, 2)).astype(np.float16)
    ir.add("", "Result", ir.decompress("self.a", ir.add_constant("self.a_compressed", values)))
    ir.write(tmp_path / "model.xml")
    checkpoint = open_checkpoint(tmp_path / "model.xml")
    assert np.array_equal(checkpoint["self.a"].numpy(), values)


@pytest.mark.parametrize("is_shifted", [False, True])
@pytest.mark.parametrize("kind", ["i4", "u4", "i8", "u8"])
def test_codes_with_a_scale_are_one_weight(kind: str, is_shifted: bool, tmp_path: Path) -> None:
    low, high = {"i4": (-8, 8), "u4": (0, 16), "i8": (-128, 128), "u8": (0, 256)}[kind]
    codes = DRAW.integers(low, high, (6, 2, 8))
    zeros = DRAW.integers(low, high, (6, 2, 1)) if is_shifted else None
    scale = DRAW.random((6, 2, 1)).astype(np.float32)
    pack = pack_nibbles if kind.endswith("4") else lambda values: values.astype(np.uint8)
    ir = IrWriter()
    stored_zeros = None if zeros is None else pack(zeros)
    linear = add_scaled(ir, "weight", (pack(codes), kind, codes.shape), scale, stored_zeros)
    ir.add("", "MatMul", ir.add("x", "Parameter"), linear)
    ir.write(tmp_path / "model.xml")
    checkpoint = open_checkpoint(tmp_path / "model.xml")
    shifted = codes if zeros is None else codes - zeros
    expected = (shifted * scale).reshape(6, 16)
    weight = checkpoint["weight"]
    assert np.allclose(weight.values(), expected, rtol=1e-6, atol=0)
    assert np.array_equal(weight.flat(20, 40), weight.values().reshape(-1)[20:40])
    assert isinstance(weight.data, CodedWeight)
    assert (weight.data.bits, weight.data.group) == (int(kind[1:]), 8)
    assert set(checkpoint) == {"weight", "weight/shape"}
    assert checkpoint.modules["weight"].type == "MatMul"


def test_normal_floats_and_float4_are_looked_up(tmp_path: Path) -> None:
    codes = np.arange(16).reshape(2, 8)
    ir = IrWriter()
    ones = np.ones((2, 1), np.float16)
    for kind in ("nf4", "f4e2m1"):
        add_scaled(ir, kind, (pack_nibbles(codes), kind, codes.shape), ones, None)
    ir.write(tmp_path / "model.xml")
    checkpoint = open_checkpoint(tmp_path / "model.xml")
    normal = checkpoint["nf4"].values().reshape(-1)
    assert normal[[0, 7, 15]].tolist() == [-1.0, 0.0, 1.0]
    assert np.all(np.diff(normal) > 0)
    tiny = checkpoint["f4e2m1"].values().reshape(-1)
    assert tiny.tolist() == [
        *(0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
        *(-0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0),
    ]


def test_codes_are_numbers_of_a_codebook(tmp_path: Path) -> None:
    ir = IrWriter()
    values = np.sort(DRAW.normal(size=16)).astype(np.float32)
    codes = DRAW.integers(0, 16, (4, 6))
    indices = ir.add("", "Convert", ir.add_constant("idx", pack_nibbles(codes), "u4", (4, 6)))
    axis = ir.add_constant("axis", np.zeros((), np.int64))
    looked_up = ir.add("", "Gather", ir.add_constant("self.a", values), indices, axis)
    scale = ir.add_constant("self.a/scale", np.full((4, 1), 2, np.float32))
    scaled = ir.add("", "Multiply", looked_up, scale)
    ir.add("", "MatMul", ir.add("x", "Parameter"), scaled)
    ir.write(tmp_path / "model.xml")
    checkpoint = open_checkpoint(tmp_path / "model.xml")
    assert np.array_equal(checkpoint["self.a"].values(), 2 * values[codes])
    assert checkpoint.modules["self.a"].type == "MatMul"
    assert set(checkpoint) == {"self.a", "axis"}


def test_integers_that_nothing_scales_stay_integers(tmp_path: Path) -> None:
    ir = IrWriter()
    ids = np.arange(6, dtype=np.uint8).reshape(2, 3)
    converted = ir.add("", "Convert", ir.add_constant("ids", ids, "u8"))
    ir.add("", "Multiply", converted, ir.add("x", "Parameter"))
    ir.write(tmp_path / "model.xml")
    tensor = open_checkpoint(tmp_path / "model.xml")["ids"]
    assert (tensor.dtype, tensor.quantization) == ("uint8", None)


def test_recurrent_inputs_have_onnx_numbers(tmp_path: Path) -> None:
    ir = IrWriter()
    names = ("h", "c", "w", "r", "b")
    x, lengths = ir.add("x", "Parameter"), ir.add("lengths", "Parameter")
    constants = [ir.add_constant(name, np.ones((1, 4, 2), np.float32)) for name in names]
    ir.add("lstm", "LSTMSequence", x, *constants[:2], lengths, *constants[2:])
    ir.write(tmp_path / "model.xml")
    modules = open_checkpoint(tmp_path / "model.xml").modules
    assert [modules[name].attributes["input"] for name in names] == [5, 6, 1, 2, 3]
    assert modules["w"].type == "LSTM"


def test_constants_in_the_body_of_a_loop_are_read(tmp_path: Path) -> None:
    body, ir = IrWriter(), IrWriter()
    write_layer(body, "MatMul", np.ones((2, 2), np.float32))
    inner = body.render().partition(">\n<layers>")[2].rpartition("\n</net>")[0]
    ir.add("loop", "TensorIterator", extra=f"<body><layers>{inner}</body>")
    ir.content += body.content
    ir.write(tmp_path / "model.xml")
    checkpoint = open_checkpoint(tmp_path / "model.xml")
    assert list(checkpoint) == ["loop.weight"]
    assert checkpoint.modules["loop.weight"].type == "MatMul"


def test_a_model_equals_its_checkpoint_and_another_does_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(32, 64)).astype(np.float32)
    blocks = weight.reshape(32, 2, 32)
    scale = np.abs(blocks).max(axis=2, keepdims=True) / 7
    codes = np.rint(blocks / scale).astype(np.int8)
    ir = IrWriter()
    packed = (pack_nibbles(codes), "i4", codes.shape)
    add_scaled(ir, "proj", packed, scale.astype(np.float32), None)
    ir.write(tmp_path / "model.xml")
    truth = Checkpoint.of({"proj.weight": weight})
    assert diff(str(tmp_path / "model.xml"), truth).verdict.name == "EQUIVALENT"
    other = Checkpoint.of({"proj.weight": rng.normal(size=(32, 64)).astype(np.float32)})
    assert diff(str(tmp_path / "model.xml"), other).verdict.name == "DIVERGENT"


def test_a_missing_bin_is_named(tmp_path: Path) -> None:
    make(tmp_path, 0)
    (tmp_path / "model.bin").unlink()
    with pytest.raises(CheckpointError, match=r"keeps data in model\.bin, which is not there"):
        open_checkpoint(tmp_path / "model.xml")


def test_a_cut_bin_is_named(tmp_path: Path) -> None:
    make(tmp_path, 0)
    path = tmp_path / "model.bin"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CheckpointError, match=r"model\.bin: points outside the file"):
        open_checkpoint(tmp_path / "model.xml")


def test_the_bin_alone_names_the_xml(tmp_path: Path) -> None:
    make(tmp_path, 0)
    with pytest.raises(CheckpointError, match=r"holds the weights of model\.xml"):
        open_checkpoint(tmp_path / "model.bin")


def test_an_older_version_says_what_to_do(tmp_path: Path) -> None:
    ir = IrWriter()
    write_layer(ir, "MatMul", np.ones((2, 2), np.float32))
    ir.write(tmp_path / "model.xml", version=7)
    with pytest.raises(CheckpointError, match="convert the model again"):
        open_checkpoint(tmp_path / "model.xml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<?xml version="1.0"?>\n<net name="a" version="11"><layers>', "no well-formed XML"),
        ('<!DOCTYPE net [<!ENTITY a "b">]><net version="11">&a;</net>', "no OpenVINO IR|text"),
        ('<net version="11">' + "<a>" * 300, "nested deeper"),
    ],
)
def test_xml_that_is_damaged_or_hostile_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path / "model.xml")


def test_entities_are_not_unfolded(tmp_path: Path) -> None:
    text = '<?xml version="1.0"?><!-- <net --><net version="11">&a;</net>'
    (tmp_path / "model.xml").write_text(text)
    with pytest.raises(CheckpointError, match="no well-formed XML"):
        open_checkpoint(tmp_path / "model.xml")
