from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from auscult.checkpoint.formats.onnx import read, sniff
from auscult.checkpoint.onnx_tensor import DTYPES
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Array
from tests.checkpoint.mutation import Edit, damage, edits, read_all
from tests.checkpoint.samples.onnx import make, model


def save(
    path: Path,
    initializers: list[onnx.TensorProto],
    nodes: list[onnx.NodeProto] | None = None,
    **options: object,
) -> Path:
    graph = helper.make_graph(nodes or [], "g", [], [], initializers)
    onnx.save(helper.make_model(graph, producer_name="test"), path, **options)
    return path


def same(found: Array, expected: Array) -> bool:
    """Equal bit for bit; onnx leaves the high bits of 4-bit integers as they come, so those are compared by value."""
    if expected.dtype.name in ("int4", "int2"):
        return bool((found.astype(int) == expected.astype(int)).all())
    return (
        found.dtype == expected.dtype
        and found.shape == expected.shape
        and found.tobytes() == expected.tobytes()
    )


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("code", sorted(DTYPES), ids=lambda code: DTYPES[code])
def test_every_type_equals_onnx(tmp_path: Path, code: int, raw: bool) -> None:
    kind = helper.tensor_dtype_to_np_dtype(code)
    values = np.random.default_rng(code).integers(
        -4 if DTYPES[code].startswith(("int", "float")) else 0, 4, (3, 5)
    )
    array = (values.clip(-2, 1) if DTYPES[code].endswith("int2") else values).astype(kind)
    proto = (
        numpy_helper.from_array(array, "t")
        if raw
        else helper.make_tensor("t", code, (3, 5), array.reshape(-1).tolist())
    )
    tensor = read(Source(save(tmp_path / "m.onnx", [proto]))).tree["t"]
    assert tensor.dtype == DTYPES[code] == tensor.numpy().dtype.name
    assert same(tensor.numpy(), numpy_helper.to_array(proto))
    assert same(tensor.flat(4, 11), numpy_helper.to_array(proto).reshape(-1)[4:11])


@pytest.mark.parametrize("kind", ["int8", "int32", "int64", "uint64", "uint32"])
def test_typed_integers_keep_their_extremes(tmp_path: Path, kind: str) -> None:
    limits = np.iinfo(kind)
    array = np.array([limits.min, limits.max, 0, 1, limits.max // 3], kind)
    proto = helper.make_tensor(
        "t", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), (5,), array.tolist()
    )
    assert same(read(Source(save(tmp_path / "m.onnx", [proto]))).tree["t"].numpy(), array)


def test_scalars_and_empty_tensors(tmp_path: Path) -> None:
    arrays: list[Array] = [
        np.array(3.5, np.float32),
        np.zeros((0, 7), np.float32),
        np.zeros((2, 0), np.int64),
    ]
    tree = read(
        Source(
            save(
                tmp_path / "m.onnx",
                [numpy_helper.from_array(array, str(i)) for i, array in enumerate(arrays)],
            )
        )
    ).tree
    assert all(same(tree[str(i)].numpy(), array) for i, array in enumerate(arrays))


def test_floats_written_one_by_one(tmp_path: Path) -> None:
    # tag 0x25 is float_data (4) as a single fixed32: an unpacked repeated field, which every reader must take
    values = np.array([1.5, -2.0, 0.25], np.float32)
    tensor = b"\x08\x03\x10\x01\x42\x01t" + b"".join(b"\x25" + value.tobytes() for value in values)
    path = tmp_path / "m.onnx"
    path.write_bytes(
        b"\x08\x0a\x3a" + bytes([len(tensor) + 2]) + b"\x2a" + bytes([len(tensor)]) + tensor
    )
    assert same(read(Source(path)).tree["t"].numpy(), values)
    assert same(numpy_helper.to_array(onnx.load(path).graph.initializer[0]), values)


def test_floats_in_two_packed_runs(tmp_path: Path) -> None:
    values = np.arange(5, dtype=np.float32)
    runs = [b"\x22" + bytes([4 * len(run)]) + run.tobytes() for run in (values[:2], values[2:])]
    tensor = b"\x08\x05\x10\x01\x42\x01t" + b"".join(runs)
    path = tmp_path / "m.onnx"
    path.write_bytes(
        b"\x08\x0a\x3a" + bytes([len(tensor) + 2]) + b"\x2a" + bytes([len(tensor)]) + tensor
    )
    found = read(Source(path)).tree["t"]
    assert same(found.numpy(), values)
    assert same(found.flat(1, 4), values[1:4])


def test_external_data_equals_onnx(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {
        f"t{index}": rng.normal(size=(40, index + 1)).astype(np.float32) for index in range(5)
    }
    protos = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    path = save(
        tmp_path / "m.onnx", protos, save_as_external_data=True, location="m.data", size_threshold=0
    )
    tree = read(Source(path)).tree
    assert all(same(tree[name].numpy(), array) for name, array in arrays.items())
    assert {tensor.storage.key.split("@")[0] for tensor in tree.values()} == {"m.data"}


def external(location: str, offset: str = "0", length: str = "16") -> onnx.TensorProto:
    proto = onnx.TensorProto(
        name="t", dims=[4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        proto.external_data.add(key=key, value=value)
    return proto


def save_raw(path: Path, proto: onnx.TensorProto) -> Path:
    path.write_bytes(
        helper.make_model(helper.make_graph([], "g", [], [], [proto])).SerializeToString()
    )
    return path


@pytest.mark.parametrize(
    "location",
    ["../secret", "/etc/passwd", "a/../../secret", "", "C:\\secret", "..\\secret", "x\0y"],
)
def test_external_data_stays_in_the_folder(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    (tmp_path / "model").mkdir()
    with pytest.raises(CheckpointError, match="outside the model's folder"):
        read(Source(save_raw(tmp_path / "model" / "m.onnx", external(location))))


def test_a_link_out_of_the_folder_is_refused_and_one_of_a_cache_followed(tmp_path: Path) -> None:
    cache, folder = tmp_path / "blobs", tmp_path / "snapshot"
    cache.mkdir()
    folder.mkdir()
    (cache / "b").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    os.symlink(cache / "b", folder / "m.data")
    path = save_raw(folder / "m.onnx", external("m.data"))
    with pytest.raises(CheckpointError, match="links outside"):
        read(Source(path))
    path.rename(cache / "a")
    os.symlink(cache / "a", path)
    assert read(Source(path)).tree["t"].numpy().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        ("8", "16"),
        ("0", "12"),
        ("-4", "16"),
        ("99999999999999999999", "16"),
        ("x", "16"),
        ("0", "20"),
    ],
)
def test_external_ranges_are_checked(tmp_path: Path, offset: str, length: str) -> None:
    (tmp_path / "m.data").write_bytes(bytes(20))
    with pytest.raises(CheckpointError):
        read(Source(save_raw(tmp_path / "m.onnx", external("m.data", offset, length))))


def test_missing_external_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"m\.data, which is not there.*same folder"):
        read(Source(save_raw(tmp_path / "m.onnx", external("m.data"))))


def test_constants_subgraphs_and_consumers(tmp_path: Path) -> None:
    make(tmp_path / "m.onnx", 5)
    contents = read(Source(tmp_path / "m.onnx"))
    proto = model(5)
    assert same(
        contents.tree["slope"].numpy(), numpy_helper.to_array(proto.graph.node[1].attribute[0].t)
    )
    branches = {attribute.name: attribute.g for attribute in proto.graph.node[2].attribute}
    gains = [numpy_helper.to_array(graph.initializer[0]) for graph in branches.values()]
    found = [contents.tree["gain"].numpy(), contents.tree["gain#2"].numpy()]
    assert sorted(array.tobytes() for array in found) == sorted(array.tobytes() for array in gains)
    conv = contents.modules["conv.weight"]
    assert conv.type == "Conv"
    assert conv.attributes == {
        "dilations": (2,),
        "group": 1,
        "strides": (3,),
        "node": "/conv/Conv",
        "input": 1,
    }
    assert contents.modules["linear.weight"].type == "MatMul"
    assert contents.modules["linear.weight"].attributes["through"] == ("DequantizeLinear",)
    assert contents.metadata["producer"] == "sample"
    assert contents.metadata["opset"] == "ai.onnx 21"


def test_quantised_weights_dequantise_as_onnx_does(tmp_path: Path) -> None:
    from onnx.reference import ReferenceEvaluator

    rng = np.random.default_rng(3)
    weight, scale = rng.integers(-128, 128, (6, 4), np.int8), rng.random(4).astype(np.float32)
    zero = rng.integers(-5, 5, 4, np.int8)
    protos = [
        numpy_helper.from_array(array, name)
        for name, array in (("w", weight), ("s", scale), ("z", zero))
    ]
    node = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["y"], axis=-1)
    graph = helper.make_graph(
        [node], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [6, 4])], protos
    )
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    tensor = read(Source(tmp_path / "m.onnx")).tree["w"]
    assert tensor.quantization is not None
    assert tensor.quantization.axis == 1
    assert same(tensor.numpy(), weight)
    expected = ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {})[0]
    assert tensor.values().tobytes() == expected.tobytes()


def test_sparse_and_string_tensors_are_skipped_with_the_reason(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [], "g", [], [], [helper.make_tensor("words", TensorProto.STRING, [1], [b"a"])]
    )
    values, indices = (
        numpy_helper.from_array(np.ones(2, np.float32), "sparse"),
        numpy_helper.from_array(np.array([0, 3]), "i"),
    )
    graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [5]))
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    contents = read(Source(tmp_path / "m.onnx"))
    assert not contents.tree
    assert {skip.where: skip.reason.split()[0] for skip in contents.skips} == {
        "words": "ONNX",
        "sparse": "sparse",
    }


def test_opening_reads_no_data(tmp_path: Path) -> None:
    data = tmp_path / "m.data"
    with data.open("wb") as handle:
        handle.truncate(1 << 34)  # 16 GB that take no space: reading them would take minutes
    protos = [external("m.data", str(index << 30), str(1 << 30)) for index in range(16)]
    for index, proto in enumerate(protos):
        proto.name = f"t{index}"
        proto.dims[:] = [1 << 28]
    path = tmp_path / "m.onnx"
    path.write_bytes(
        helper.make_model(helper.make_graph([], "g", [], [], protos)).SerializeToString()
    )
    start = time.perf_counter()
    tree = read(Source(path)).tree
    assert tree["t15"].flat((1 << 28) - 2, 1 << 28).tolist() == [0, 0]
    assert time.perf_counter() - start < 1


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    inner = b""
    for _ in range(3000):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            size = len(inner)
            length = bytearray()
            while size >= 0x80:
                length.append(size & 0x7F | 0x80)
                size >>= 7
            inner = tag + bytes([*length, size]) + inner
    path = tmp_path / "m.onnx"
    size = len(inner)
    head = bytearray()
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    path.write_bytes(b"\x08\x0a\x3a" + bytes([*head, size]) + inner)
    with pytest.raises(CheckpointError, match="nested too deeply"):
        read(Source(path))


def test_sniff_looks_at_bytes(tmp_path: Path) -> None:
    make(tmp_path / "m.onnx", 0)
    head = (tmp_path / "m.onnx").read_bytes()[:64]
    assert sniff(Source(Path("m.onnx")), head)
    assert sniff(Source(Path("model.bin")), head)
    assert not sniff(Source(Path("m.onnx")), b"PK\x03\x04")
    assert not sniff(Source(Path("m.onnx")), b"version https://git-lfs")
    assert not sniff(Source(Path("m.bin")), b"\x80\x02}q\x00")
    assert not sniff(Source(Path("m.onnx")), b"")


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 3), changes=edits)
def test_damaged_files_are_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, changes: list[Edit]
) -> None:
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    path.write_bytes(damage(model(seed).SerializeToString(), changes))
    read_all(read, path)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000))
def test_random_models_are_read_whole(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    make(path, seed)
    tree = read(Source(path)).tree
    for proto in onnx.load(path).graph.initializer:
        assert same(tree[proto.name].numpy(), numpy_helper.to_array(proto))


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_truncated_files_are_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model(1).SerializeToString()[:-cut])
    with pytest.raises(CheckpointError):
        read(Source(path))


def test_a_bias_knows_the_product_that_it_is_added_to(tmp_path: Path) -> None:
    weights = [
        numpy_helper.from_array(np.ones((3, 4), np.float32), "w"),
        numpy_helper.from_array(np.ones(4, np.float32), "b"),
        numpy_helper.from_array(np.ones(4, np.float32), "other"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], "/proj/MatMul"),
        helper.make_node("Add", ["b", "p"], ["y"], "/proj/Add"),
        helper.make_node("Add", ["other", "x"], ["z"], "/Add"),
    ]
    graph = helper.make_graph(nodes, "g", [], [], weights)
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    modules = read(Source(tmp_path / "m.onnx")).modules
    assert modules["b"].attributes == {"node": "/proj/Add", "input": 0, "layer": "/proj/MatMul"}
    assert modules["other"].attributes == {"node": "/Add", "input": 0}
