from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.checkpoint import elements, flatbuffer
from auscult.checkpoint.formats.litert import DTYPES, OPERATORS, read, sniff
from auscult.checkpoint.source import Source, dtype_of
from auscult.errors import CheckpointError
from auscult.weights import Array
from tests.checkpoint.mutation import Edit, damage, edits, read_all
from tests.checkpoint.samples.litert import buffer, convolution, make, pack, subgraph, tensor


def save(
    path: Path,
    array: Any,
    shape: tuple[int, ...],
    kind: str,
    quantization: tuple[Any, Any, int] | None = None,
) -> Path:
    path.write_bytes(
        pack(
            [buffer(), buffer(array)],
            [subgraph([tensor("t", shape, kind, 1, quantization)], [], [], [])],
        )
    )
    return path


def same(found: Array, expected: Array) -> bool:
    return (
        found.dtype == expected.dtype
        and found.shape == expected.shape
        and found.tobytes() == expected.tobytes()
    )


def test_the_tables_are_the_schemas() -> None:
    types = {
        value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")
    }
    assert [types[index].lower() if dtype else "" for index, dtype in enumerate(DTYPES)] == list(
        DTYPES
    )
    assert len(DTYPES) == len(types)
    operators = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }
    assert all(operators[number] == name for number, name in OPERATORS.items())


@pytest.mark.parametrize(
    "name", [name for name in DTYPES if name and "int4" not in name and name != "int2"]
)
def test_every_type(tmp_path: Path, name: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype_of(name))
    found = read(Source(save(tmp_path / "m.tflite", array, (2, 3), name.upper()))).tree["t"]
    assert found.dtype == name
    assert same(found.numpy(), array)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000))
def test_random_models_equal_the_runtime(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.mktemp("litert") / "m.tflite"
    make(path, seed)
    tree = read(Source(path)).tree
    runtime = Interpreter(model_path=str(path))
    runtime.allocate_tensors()
    details = {detail["index"]: detail for detail in runtime.get_tensor_details()}
    for name, index in {
        "conv/kernel": 1,
        "conv/bias": 2,
        "quantised": 4,
        "half": 5,
        "half#6": 6,
    }.items():
        assert same(tree[name].numpy(), runtime.get_tensor(index))
        assert tree[name].shape == tuple(details[index]["shape"])
    known, found = details[4]["quantization_parameters"], tree["quantised"].quantization
    assert found is not None
    assert found.scale.tolist() == known["scales"].tolist()
    assert found.zero_point.tolist() == known["zero_points"].tolist()
    assert found.axis == (known["quantized_dimension"] if len(known["scales"]) > 1 else None)


def test_weights_are_what_the_runtime_computes_with(tmp_path: Path) -> None:
    make(tmp_path / "m.tflite", 7)
    contents = read(Source(tmp_path / "m.tflite"))
    weight, bias = contents.tree["conv/kernel"].numpy(), contents.tree["conv/bias"].numpy()
    dilation = contents.modules["conv/kernel"].attributes["dilation_w"]
    runtime = Interpreter(model_path=str(tmp_path / "m.tflite"))
    runtime.allocate_tensors()
    into = runtime.get_input_details()[0]
    x = np.random.default_rng(0).normal(size=into["shape"]).astype(np.float32)
    runtime.set_tensor(into["index"], x)
    runtime.invoke()
    # SAME padding, stride 1: the slow textbook sum
    padded = np.pad(x[0, 0], ((dilation, dilation), (0, 0)))
    width = x.shape[2]
    expected = (
        sum(
            padded[tap * dilation : tap * dilation + width] @ weight[:, 0, tap].T
            for tap in range(3)
        )
        + bias
    )
    np.testing.assert_allclose(
        runtime.get_tensor(runtime.get_output_details()[0]["index"])[0, 0], expected, atol=1e-5
    )


def test_operators_are_told(tmp_path: Path) -> None:
    make(tmp_path / "m.tflite", 1)
    modules = read(Source(tmp_path / "m.tflite")).modules
    assert set(modules) == {"conv/kernel", "conv/bias"}
    assert modules["conv/kernel"].type == "CONV_2D"
    assert modules["conv/kernel"].attributes["padding"] == "SAME"
    assert modules["conv/bias"].attributes["input"] == 2


def test_the_operator_behind_a_dequantisation_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(dequantize("INT4", bytes(9), 17, add=True))
    (found,) = read(Source(path)).modules.values()
    assert (found.type, found.attributes["node"], found.attributes["input"]) == ("ADD", "0/1", 0)
    assert found.attributes["through"] == ("DEQUANTIZE",)
    path.write_bytes(dequantize("INT4", bytes(9), 17))
    assert read(Source(path)).modules["t"].type == "DEQUANTIZE"


def dequantize(kind: str, raw: bytes, count: int, *, add: bool = False) -> bytes:
    """A model that turns a constant into floats, and may add these to themselves."""
    code, operator, model = schema.OperatorCodeT(), schema.OperatorT(), schema.ModelT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 4
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    tensors = [
        tensor("t", (count,), kind, 1, ([0.25], [0], 0)),
        tensor("y", (count,), "FLOAT32", 0),
    ]
    operators, codes = [operator], [code]
    if add:
        sum_code, addition = schema.OperatorCodeT(), schema.OperatorT()
        sum_code.builtinCode = sum_code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
        addition.opcodeIndex, addition.inputs, addition.outputs = 1, [1, 1], [2]
        tensors.append(tensor("z", (count,), "FLOAT32", 0))
        operators.append(addition)
        codes.append(sum_code)
    graph = subgraph(tensors, operators, [], [len(tensors) - 1])
    model.version, model.operatorCodes, model.subgraphs, model.buffers = (
        3,
        codes,
        [graph],
        [buffer(), buffer(raw)],
    )
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_int4_equals_the_runtime(tmp_path: Path) -> None:
    raw = np.random.default_rng(2).integers(0, 256, 9, np.uint8).tobytes()
    path = tmp_path / "m.tflite"
    path.write_bytes(dequantize("INT4", raw, 17))
    runtime = Interpreter(model_path=str(path))
    runtime.allocate_tensors()
    runtime.invoke()
    expected = runtime.get_tensor(runtime.get_output_details()[0]["index"])
    found = read(Source(path)).tree["t"]
    assert found.dtype == "int4"
    assert found.nbytes == 9
    assert same(found.values(), expected)
    assert found.flat(3, 10).tolist() == found.numpy()[3:10].tolist()


def test_quantisation_along_another_axis(tmp_path: Path) -> None:
    array = np.random.default_rng(4).integers(-128, 128, (3, 2, 4), np.int8)
    scale, zero = np.array([0.5, 1, 2, 4], np.float32), np.array([0, 1, -2, 3])
    found = read(
        Source(save(tmp_path / "m.tflite", array, (3, 2, 4), "INT8", (scale, zero, 2)))
    ).tree["t"]
    assert same(found.values(), ((array - zero) * scale).astype(np.float32))


def test_scales_that_do_not_fit_are_skipped(tmp_path: Path) -> None:
    contents = read(
        Source(
            save(
                tmp_path / "m.tflite",
                np.zeros((2, 3), np.int8),
                (2, 3),
                "INT8",
                ([1, 2], [0, 0], 1),
            )
        )
    )
    assert not contents.tree
    assert "2 scales along axis 1 do not fit shape [2, 3]" in contents.skips[0].reason


def test_sparse_and_string_tensors_are_skipped(tmp_path: Path) -> None:
    sparse = tensor("s", (2,), "FLOAT32", 1)
    sparse.sparsity = schema.SparsityParametersT()
    words = tensor("w", (1,), "STRING", 1)
    (tmp_path / "m.tflite").write_bytes(
        pack([buffer(), buffer(bytes(8))], [subgraph([sparse, words], [], [], [])])
    )
    contents = read(Source(tmp_path / "m.tflite"))
    assert not contents.tree
    assert {skip.where for skip in contents.skips} == {"s", "w"}


def test_several_subgraphs_and_shared_buffers(tmp_path: Path) -> None:
    array = np.arange(4, dtype=np.float32)
    graphs = [subgraph([tensor(name, (4,), "FLOAT32", 1)], [], [], []) for name in ("a", "b", "a")]
    (tmp_path / "m.tflite").write_bytes(pack([buffer(), buffer(array)], graphs))
    tree = read(Source(tmp_path / "m.tflite")).tree
    assert list(tree) == ["a", "b", "a#0"]
    assert len({found.storage.key for found in tree.values()}) == 1


def test_data_behind_the_flatbuffer(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    outside = schema.BufferT()
    outside.offset, outside.size = 1 << 20, array.nbytes
    content = pack([buffer(), outside], [subgraph([tensor("t", (3, 5), "FLOAT32", 1)], [], [], [])])
    path = tmp_path / "m.tflite"
    path.write_bytes(content + bytes((1 << 20) - len(content)) + array.tobytes())
    assert same(read(Source(path)).tree["t"].numpy(), array)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="outside the file"):
        read(Source(path))


def test_wrong_byte_counts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="wrong number of bytes"):
        read(Source(save(tmp_path / "m.tflite", np.zeros(3, np.float32), (4,), "FLOAT32")))
    with pytest.raises(CheckpointError, match="impossible shape"):
        read(Source(save(tmp_path / "m.tflite", np.zeros(3, np.float32), (-3,), "FLOAT32")))


def test_a_buffer_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(
        pack([buffer()], [subgraph([tensor("t", (1,), "FLOAT32", 7)], [], [], [])])
    )
    with pytest.raises(CheckpointError, match="buffer that is not there"):
        read(Source(tmp_path / "m.tflite"))


class Layout:
    """Writes tables and vectors front to back; offsets are filled in once their target is placed."""

    def __init__(self) -> None:
        self.content = bytearray(b"\0\0\0\0TFL3")

    def table(self, fields: int) -> list[int]:
        """A table whose fields are 4 bytes each; where it and its fields are."""
        start = len(self.content)
        self.content += struct.pack(
            f"<HH{fields}H",
            4 + 2 * fields,
            4 + 4 * fields,
            *(4 + 4 * index for index in range(fields)),
        )
        position = len(self.content)
        self.content += struct.pack("<i", position - start) + bytes(4 * fields)
        return [position, *(position + 4 + 4 * index for index in range(fields))]

    def vector(self, count: int) -> list[int]:
        position = len(self.content)
        self.content += struct.pack("<I", count) + bytes(4 * count)
        return [position, *(position + 4 + 4 * index for index in range(count))]

    def lead(self, places: list[int], target: int) -> None:
        for place in places:
            struct.pack_into("<I", self.content, place, target - place)


def shared(subgraphs: int, tensors: int, name: bytes) -> bytes:
    """A model whose subgraphs are all the same one, with tensors that are all the same one."""
    layout = Layout()
    model = layout.table(5)
    layout.lead([0], model[0])
    many = layout.vector(subgraphs)
    layout.lead([model[3]], many[0])
    graph = layout.table(1)
    layout.lead(many[1:], graph[0])
    listed = layout.vector(tensors)
    layout.lead([graph[1]], listed[0])
    one = layout.table(4)
    layout.lead(listed[1:], one[0])
    struct.pack_into("<I", layout.content, one[3], 1)
    empty = layout.vector(0)
    layout.lead([one[1], model[2], model[4]], empty[0])
    struct.pack_into("<I", layout.content, one[2], 0)
    layout.lead([one[4]], len(layout.content))
    layout.content += struct.pack("<I", len(name)) + name + bytes(-len(name) % 4)
    buffers = layout.vector(2)
    layout.lead([model[5]], buffers[0])
    for place, size in zip(buffers[1:], (0, 4), strict=True):
        held = layout.table(1)
        layout.lead([place], held[0])
        layout.lead([held[1]], len(layout.content))
        layout.content += struct.pack("<I", size) + bytes(size)
    return bytes(layout.content)


def test_tables_may_be_shared(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(shared(2, 3, b"t"))
    assert list(read(Source(tmp_path / "m.tflite")).tree) == [
        "t",
        "t#1",
        "t#2",
        "t#0",
        "t#1#1",
        "t#2#2",
    ]


def test_text_that_is_shared_millions_of_times_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(shared(2000, 2000, b"t" * 60000))
    with pytest.raises(CheckpointError, match="too long"):
        read(Source(tmp_path / "m.tflite"))


def test_too_many_tables_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_TABLES", 10_000)
    (tmp_path / "m.tflite").write_bytes(shared(10_000, 0, b"t"))
    with pytest.raises(CheckpointError, match="too many tables"):
        read(Source(tmp_path / "m.tflite"))


def test_too_many_tensors_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "MAX_TENSORS", 1000)
    (tmp_path / "m.tflite").write_bytes(shared(40, 25, b"t"))
    assert len(read(Source(tmp_path / "m.tflite")).tree) == 1000
    (tmp_path / "m.tflite").write_bytes(shared(40, 26, b"t"))
    with pytest.raises(CheckpointError, match="too many tensors"):
        read(Source(tmp_path / "m.tflite"))


def test_sniff() -> None:
    assert sniff(Source(Path("x")), b"\x1c\0\0\0TFL3")
    assert not sniff(Source(Path("x.tflite")), b"\x1c\0\0\0TFL2")


def test_an_operator_without_options(tmp_path: Path) -> None:
    operator = convolution([0, 0], [0], 1)
    operator.builtinOptionsType, operator.builtinOptions = 0, None
    content = pack(
        [buffer(), buffer(bytes(4))],
        [subgraph([tensor("t", (1,), "FLOAT32", 1)], [operator], [], [])],
    )
    (tmp_path / "m.tflite").write_bytes(content)
    assert read(Source(tmp_path / "m.tflite")).modules["t"].attributes == {
        "node": "0/0",
        "input": 0,
    }


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 3), changes=edits)
def test_damaged_files_are_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, changes: list[Edit]
) -> None:
    path = tmp_path_factory.mktemp("litert") / "m.tflite"
    make(path, seed)
    path.write_bytes(damage(path.read_bytes(), changes))
    read_all(read, path)


def write_blocks(
    path: Path, codes: np.ndarray, scales: np.ndarray, block: int, *, kind: str = "INT4"
) -> None:
    """A matrix [out, in] quantised in blocks along its last axis, as ai-edge-quantizer writes it."""
    weight = tensor("w", codes.shape, kind, 1, ([], [], 0))
    weight.quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    weight.quantization.details = schema.BlockwiseQuantizationT(
        scales=1, zeroPoints=-1, blockSize=block
    )
    raw = codes.reshape(-1)
    if kind == "INT4":
        packed = (raw[::2] & 15) | ((raw[1::2] & 15) << 4)
        raw = packed.astype(np.uint8)
    parts = [weight, tensor("w_scales", scales.shape, "FLOAT16", 2)]
    path.write_bytes(pack([buffer(), buffer(raw), buffer(scales)], [subgraph(parts, [], [], [])]))


@pytest.mark.parametrize("kind", ["INT4", "INT8"])
def test_blockwise_codes_and_their_scales_are_one_weight(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    codes = rng.integers(-8, 8, (3, 8), np.int8)
    scales = rng.random((3, 2)).astype(np.float16)
    write_blocks(tmp_path / "m.tflite", codes, scales, 4, kind=kind)
    contents = read(Source(tmp_path / "m.tflite"))
    assert (list(contents.tree), contents.skips) == (["w"], ())
    expected = codes * np.repeat(scales.astype(np.float32), 4, axis=1)
    assert same(contents.tree["w"].values(), expected.astype(np.float32))
    assert contents.tree["w"].data.weight_storage == (
        "LiteRT blockwise",
        4 if kind == "INT4" else 8,
        4,
    )


@pytest.mark.parametrize(("sides", "block"), [((3, 2), 3), ((3, 2), 0), ((3, 3), 4), ((1, 2), 4)])
def test_scales_of_blocks_that_do_not_fit_are_a_skip(
    tmp_path: Path, sides: tuple[int, int], block: int
) -> None:
    scales = np.ones(sides, np.float16)
    write_blocks(tmp_path / "m.tflite", np.ones((3, 8), np.int8), scales, block)
    contents = read(Source(tmp_path / "m.tflite"))
    assert not contents.tree
    assert [(skip.where, skip.is_weight) for skip in contents.skips] == [("w", True)]
    assert f"in blocks of {block}" in contents.skips[0].reason
