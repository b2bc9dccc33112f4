from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from auscult.checkpoint.coreml_network import ACTIVATION_WEIGHTS, LAYER_TYPES, NESTED_NETWORK_FIELDS
from auscult.checkpoint.elements import unpack_elements
from auscult.checkpoint.formats.coreml import read, sniff
from auscult.checkpoint.mil import BLOB_DTYPES
from auscult.checkpoint.mil_value import CODE_DTYPES, DTYPES
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Array
from tests.checkpoint.mutation import Edit, damage, edits, read_all
from tests.checkpoint.samples.coreml import make, make_network, make_package

pytest.importorskip("coremltools")
MODEL = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


def same(found: Array, expected: Array) -> bool:
    return (
        found.dtype == expected.dtype
        and found.shape == expected.shape
        and found.tobytes() == expected.tobytes()
    )


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Array]]:
    path = tmp_path_factory.mktemp("coreml") / "m.mlpackage"
    return path, make_package(path, 3)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Array]]:
    path = tmp_path_factory.mktemp("coreml") / "m.mlmodel"
    return path, make_network(path, 3)


@pytest.fixture
def copied(package: tuple[Path, dict[str, Array]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(package[0], tmp_path / "m.mlpackage"))


def test_a_program_gives_back_what_went_in(package: tuple[Path, dict[str, Array]]) -> None:
    tree = read(Source(package[0])).tree
    assert set(tree) == set(package[1])
    assert all(same(tree[name].numpy(), array) for name, array in package[1].items())
    weight = package[1]["conv_weight"].reshape(-1)
    assert same(tree["conv_weight"].flat(2, 7), weight[2:7])


def test_a_half_precision_program(tmp_path: Path) -> None:
    arrays = make_package(tmp_path / "m.mlpackage", 4, half=True)
    tree = read(Source(tmp_path / "m.mlpackage")).tree
    assert set(tree) == {f"{name}_to_fp16" for name in arrays}
    assert all(
        same(tree[f"{name}_to_fp16"].numpy(), array.astype(np.float16))
        for name, array in arrays.items()
    )


def test_operations_are_told(package: tuple[Path, dict[str, Array]]) -> None:
    module = read(Source(package[0])).modules["conv_weight"]
    assert module.type == "conv"
    assert {
        key: module.attributes[key]
        for key in ("dilations", "strides", "groups", "pad_type", "input")
    } == {
        "dilations": (2,),
        "strides": (1,),
        "groups": 1,
        "pad_type": "same",
        "input": "weight",
    }


def test_a_model_file_inside_a_package_is_read_too(package: tuple[Path, dict[str, Array]]) -> None:
    assert set(read(Source(package[0] / MODEL)).tree) == set(package[1])


@pytest.mark.parametrize("half", [False, True], ids=["ios16", "ios18"])
def test_linear_quantisation_equals_coremltools(tmp_path: Path, half: bool) -> None:
    import coremltools as ct
    import coremltools.optimize.coreml as cto

    arrays = make_package(tmp_path / "m.mlpackage", 5, half=half)
    config = cto.OptimizationConfig(
        global_config=cto.OpLinearQuantizerConfig(weight_threshold=0, mode="linear")
    )
    cto.linear_quantize_weights(ct.models.MLModel(str(tmp_path / "m.mlpackage")), config).save(
        str(tmp_path / "q.mlpackage")
    )
    tree = read(Source(tmp_path / "q.mlpackage")).tree
    quantised = {name: tensor for name, tensor in tree.items() if tensor.quantization is not None}
    assert len(quantised) == 2
    plain = cto.decompress_weights(ct.models.MLModel(str(tmp_path / "q.mlpackage")))
    plain.save(str(tmp_path / "d.mlpackage"))
    expected = [tensor.numpy() for tensor in read(Source(tmp_path / "d.mlpackage")).tree.values()]
    for name, tensor in quantised.items():
        assert tensor.dtype in ("int8", "uint8")
        assert tensor.quantization is not None
        assert tensor.quantization.axis == 0
        values = tensor.values()
        alike = [array for array in expected if array.shape == values.shape]
        # coremltools rounds to the program's own precision, we to float32
        assert any(
            np.allclose(values, array, rtol=1e-3 if half else 1e-6, atol=1e-6) for array in alike
        )
        original = arrays["conv_weight" if "conv" in name else "linear_weight"]
        step = tensor.quantization.scale.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
        assert (np.abs(values - original) <= step * 0.51 + 2e-3 * np.abs(original)).all()


def test_the_tables_are_the_protocols(tmp_path: Path) -> None:
    from coremltools.proto import MIL_pb2

    names = {
        value.number: value.name.lower()
        for value in MIL_pb2.DESCRIPTOR.enum_types_by_name["DataType"].values
    }
    tables = {**DTYPES, **CODE_DTYPES}
    assert all(name.replace("_", "") == names[number] for number, name in tables.items())


def test_the_blob_files_types_are_the_writers(tmp_path: Path) -> None:
    from coremltools.libmilstoragepython import _BlobStorageWriter

    path = tmp_path / "w.bin"
    writer = _BlobStorageWriter(str(path))
    calls = {
        "float16": ("fp16", np.uint16),
        "float32": ("float", np.float32),
        **{
            name: (name, np.dtype(name).type)
            for name in ("uint8", "int8", "int16", "uint16", "int32", "uint32")
        },
    }
    values = np.array([1, 2, 3, 5, 7])
    offsets = {
        name: getattr(writer, f"write_{call}_data")(values.astype(kind))
        for name, (call, kind) in calls.items()
    }
    offsets |= {
        name: getattr(writer, f"write_{name}_data")(
            (values % 2 if name == "uint1" else values).astype(np.uint8)
        )
        for name in ("int4", "uint4", "uint1", "uint3", "uint6")
    }
    del writer
    content = path.read_bytes()
    for name, offset in offsets.items():
        assert BLOB_DTYPES[int.from_bytes(content[offset + 4 : offset + 8], "little")] == name
        start = int.from_bytes(content[offset + 16 : offset + 24], "little")
        if name in ("int4", "uint4"):
            packed = np.frombuffer(content[start : start + 3], np.uint8)
            assert unpack_elements(packed, name)[:5].astype(int).tolist() == values.tolist()


def test_a_network_gives_back_what_went_in(network: tuple[Path, dict[str, Array]]) -> None:
    contents = read(Source(network[0]))
    assert set(contents.tree) == set(network[1])
    assert all(same(contents.tree[name].numpy(), array) for name, array in network[1].items())
    assert contents.modules["conv.weights"].type == "convolution"
    assert contents.modules["conv.weights"].attributes["stride"] == (1, 2)


def weight_fields(descriptor: Any, depth: int = 0) -> Iterator[tuple[tuple[int, ...], str]]:
    for field in descriptor.fields:
        kind = field.message_type
        if kind is not None and kind.name == "WeightParams":
            yield (field.number,), field.name
        elif kind is not None and depth < 4 and kind.name != "NeuralNetwork":
            for path, name in weight_fields(kind, depth + 1):
                yield (field.number, *path), f"{field.name}.{name}"


def test_every_weight_of_every_layer_is_known() -> None:
    from coremltools.proto import NeuralNetwork_pb2

    found, nested = {}, {}
    for field in NeuralNetwork_pb2.NeuralNetworkLayer.DESCRIPTOR.fields:
        weights = dict(weight_fields(field.message_type)) if field.message_type else {}
        if weights:
            found[field.number] = (field.name, weights)
        inner = [
            item.number
            for item in (field.message_type.fields if field.message_type else ())
            if item.message_type
        ]
        kinds = [
            item.message_type.name
            for item in (field.message_type.fields if field.message_type else ())
            if item.message_type
        ]
        if "NeuralNetwork" in kinds:
            nested[field.number] = tuple(
                number for number, kind in zip(inner, kinds, strict=True) if kind == "NeuralNetwork"
            )
    known = {
        number: (kind, {path: name for path, (name, _) in weights.items()})
        for number, (kind, weights) in LAYER_TYPES.items()
    }
    assert known == found
    assert nested == NESTED_NETWORK_FIELDS
    assert len(ACTIVATION_WEIGHTS) == 3


def test_recurrent_and_other_layers(tmp_path: Path) -> None:
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

    rng = np.random.default_rng(1)
    arrays = [
        rng.normal(size=shape).astype(np.float32)
        for shape in [(4, 3)] * 4 + [(4, 4)] * 4 + [(4,)] * 4
    ]
    inputs, recurrent, bias = arrays[:4], arrays[4:8], arrays[8:]
    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(3))], [("y", datatypes.Array(4))], disable_rank5_shape_mapping=True
    )
    names = ("h0", "c0", "h1", "c1")
    builder.add_unilstm("lstm", recurrent, inputs, bias, 4, 3, ["x", *names[:2]], ["a", *names[2:]])
    builder.add_embedding(
        "emb",
        rng.normal(size=(5, 6)).astype(np.float32),
        None,
        6,
        5,
        has_bias=False,
        input_name="i",
        output_name="e",
    )
    builder.add_load_constant_nd("const", "k", rng.normal(size=(2, 3)).astype(np.float32), [2, 3])
    (tmp_path / "m.mlmodel").write_bytes(builder.spec.SerializeToString())
    tree = read(Source(tmp_path / "m.mlmodel")).tree
    assert tree["emb.weights"].shape == (5, 6)
    assert tree["const.data"].shape == (2, 3)
    # the builder takes gates in the order input, forget, output, block; the names say which is which
    for gate, weight, step in zip(
        ("inputGate", "forgetGate", "outputGate", "blockInput"), inputs, recurrent, strict=True
    ):
        assert same(tree[f"lstm.weightParams.{gate}WeightMatrix"].numpy(), weight)
        assert same(tree[f"lstm.weightParams.{gate}RecursionMatrix"].numpy(), step)


def test_pipelines_and_models_without_a_network(
    network: tuple[Path, dict[str, Array]], tmp_path: Path
) -> None:
    from coremltools.proto import Model_pb2

    inner = Model_pb2.Model()
    inner.ParseFromString(network[0].read_bytes())
    model = Model_pb2.Model(specificationVersion=5)
    model.pipeline.models.extend(
        [inner, inner, Model_pb2.Model(specificationVersion=5, identity={})]
    )
    model.pipeline.names.extend(["first", "second"])
    (tmp_path / "m.mlmodel").write_bytes(model.SerializeToString())
    contents = read(Source(tmp_path / "m.mlmodel"))
    assert {f"{stage}.{name}" for stage in ("first", "second") for name in network[1]} == set(
        contents.tree
    )
    assert [skip.where for skip in contents.skips] == ["model2"]


def test_a_weight_file_of_another_model_is_refused(copied: Path, tmp_path: Path) -> None:
    make_package(tmp_path / "other.mlpackage", 11)
    shutil.copy(tmp_path / "other.mlpackage" / WEIGHTS, copied / WEIGHTS)
    with pytest.raises(CheckpointError, match=r"no such blob|outside the file"):
        read(Source(copied))


def test_a_missing_weight_file_is_said(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=r"weight\.bin, which is not there"):
        read(Source(copied))


@pytest.mark.parametrize(
    "location",
    ["../../x.mlmodel", "/etc/passwd", 7, None, "com.apple.CoreML", "no.mlmodel", "\0", "a" * 5000],
)
def test_manifests_that_lead_elsewhere_are_refused(copied: Path, location: Any) -> None:
    (copied.parent / "x.mlmodel").write_bytes(b"\x08\x05")
    manifest = {"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": location}}}
    (copied / "Manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError):
        read(Source(copied))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"rootModelIdentifier": []}', "\xff", " " * 2_000_000]
)
def test_damaged_manifests_are_refused(copied: Path, text: str) -> None:
    (copied / "Manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError):
        read(Source(copied))


@pytest.mark.parametrize(
    "name", ["@model_path/../../../../secret", "/etc/passwd", "@model_path/", ""]
)
def test_weight_files_stay_in_the_package(copied: Path, name: str) -> None:
    from coremltools.proto import Model_pb2

    (copied.parent / "secret").write_bytes(bytes(1000))
    spec = Model_pb2.Model()
    spec.ParseFromString((copied / MODEL).read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    for operation in block.operations:
        if operation.attributes["val"].HasField("blobFileValue"):
            operation.attributes["val"].blobFileValue.fileName = name
    (copied / MODEL).write_bytes(spec.SerializeToString())
    with pytest.raises(CheckpointError):
        read(Source(copied))


def test_sniff(
    package: tuple[Path, dict[str, Array]], network: tuple[Path, dict[str, Array]], tmp_path: Path
) -> None:
    assert sniff(Source(package[0]), b"")
    assert sniff(Source(network[0]), network[0].read_bytes()[:64])
    assert sniff(Source(package[0] / MODEL), (package[0] / MODEL).read_bytes()[:64])
    assert not sniff(Source(tmp_path), b"")
    assert not sniff(Source(Path("x.mlmodel")), b"PK\x03\x04")


@settings(max_examples=100, deadline=None)
@given(changes=edits)
def test_damaged_packages_are_refused_in_one_line(
    package: tuple[Path, dict[str, Array]],
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[Edit],
) -> None:
    folder = tmp_path_factory.mktemp("coreml")
    for member in (MODEL, WEIGHTS):
        path = Path(shutil.copytree(package[0], folder / member.replace("/", "_")))
        (path / member).write_bytes(damage((path / member).read_bytes(), changes))
        read_all(read, path)


@settings(max_examples=100, deadline=None)
@given(changes=edits)
def test_damaged_networks_are_refused_in_one_line(
    network: tuple[Path, dict[str, Array]],
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[Edit],
) -> None:
    path = tmp_path_factory.mktemp("coreml") / "m.mlmodel"
    path.write_bytes(damage(network[0].read_bytes(), changes))
    read_all(read, path)


def test_make_follows_the_suffix(tmp_path: Path) -> None:
    make(tmp_path / "m.mlmodel", 1)
    assert len(read(Source(tmp_path / "m.mlmodel")).tree) == 7
