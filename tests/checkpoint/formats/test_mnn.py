from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.weights import Array, Checkpoint
from tests.checkpoint.flatbuffer_writer import Fields, Scalar, pack
from tests.checkpoint.samples.mnn import (
    encode_codes,
    make,
    make_constant,
    make_convolution,
    make_operator,
    write_model,
)

RNG = np.random.default_rng(4)
WEIGHT = RNG.normal(size=(6, 8, 1, 5)).astype(np.float32)
BIAS = RNG.normal(size=6).astype(np.float32)


def save_convolution(path: Path, parameters: Fields, kind: int = 12) -> Path:
    """A model of one convolution called `conv`."""
    write_model(path, [make_operator(kind, 9, parameters, "conv", [0], [1])], ["x", "conv"])
    return path


def quantise(bits: int, *, has_offsets: bool) -> tuple[dict[str, Any], Array]:
    """Fields of an IDSTQuan as MNN's converter writes them, a scale for each output, and the values they stand for."""
    rows = WEIGHT.reshape(6, -1)
    lowest = -(1 << bits - 1)
    if has_offsets:
        low, high = rows.min(axis=1), rows.max(axis=1)
        scale = (high - low) / ((1 << bits) - 1)
        codes = np.rint((rows - low[:, None]) / scale[:, None]).astype(int) + lowest
        values = (codes - lowest) * scale[:, None] + low[:, None]
        factors = np.stack([low, scale], axis=1).reshape(-1)
    else:
        scale = np.abs(rows).max(axis=1) / (-lowest - 1)
        codes = np.rint(rows / scale[:, None]).astype(int)
        values, factors = codes * scale[:, None], scale
    samples = np.arange(lowest, -lowest)
    fields = {
        "field_0": encode_codes((codes - lowest).reshape(WEIGHT.shape), samples),
        "field_1": factors.astype(np.float32),
        "field_2": Scalar("i", 1),
        "field_4": Scalar("f", 1.0),
        "field_8": Scalar("i", lowest if has_offsets else 0),
        "field_9": Scalar("i", 6 if has_offsets else 0),
    }
    return fields, values.reshape(WEIGHT.shape)


def test_weights_are_named_by_their_operators(tmp_path: Path) -> None:
    make(tmp_path / "m.mnn", 0)
    checkpoint = open_checkpoint(tmp_path / "m.mnn")
    assert checkpoint.format == "mnn"
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "conv.weight": (4, 3, 1, 5),
        "conv.bias": (4,),
        "coded.weight": (4, 3, 1, 5),
        "coded.bias": (4,),
        "norm.weight": (4,),
        "norm.bias": (4,),
        "constant": (4, 3, 1, 5),
        "g.weight": (4, 3, 1, 5),
        "g.bias": (4,),
    }
    operators = {name: info.type for name, info in checkpoint.modules.items()}
    assert operators["conv.weight"] == operators["g.weight"] == "Conv"
    assert (operators["norm.weight"], operators["constant"]) == ("LayerNormalization", "Mul")
    assert np.array_equal(checkpoint["g.weight"].numpy(), checkpoint["conv.weight"].numpy())


@pytest.mark.parametrize("has_offsets", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_codes_are_weights(bits: int, has_offsets: bool, tmp_path: Path) -> None:
    fields, values = quantise(bits, has_offsets=has_offsets)
    path = save_convolution(tmp_path / "m.mnn", make_convolution(WEIGHT, BIAS, **fields))
    weight = open_checkpoint(path)["conv.weight"]
    assert np.allclose(weight.values(), values, rtol=1e-5, atol=1e-6)
    assert np.array_equal(weight.flat(37, 91), weight.values().reshape(-1)[37:91])
    assert isinstance(weight.data, CodedWeight)
    assert weight.data.bits == bits


def test_a_model_in_codes_equals_its_checkpoint_and_another_does_not(tmp_path: Path) -> None:
    fields, _ = quantise(8, has_offsets=True)
    path = save_convolution(tmp_path / "m.mnn", make_convolution(WEIGHT, BIAS, **fields))
    weight = WEIGHT.reshape(6, 8, 5)
    truth = Checkpoint.of({"conv.weight": weight, "conv.bias": BIAS})
    assert diff(str(path), truth).verdict.name == "EQUIVALENT"
    other = Checkpoint.of({"conv.weight": weight[::-1].copy() * 1.5, "conv.bias": BIAS})
    assert diff(str(path), other).verdict.name == "DIVERGENT"


def test_half_precision_is_read(tmp_path: Path) -> None:
    half = WEIGHT.astype(np.float16)
    fields = {"field_0": half.reshape(-1).view(np.int8), "field_2": Scalar("i", 3)}
    path = save_convolution(tmp_path / "m.mnn", make_convolution(WEIGHT, BIAS, **fields))
    assert np.array_equal(open_checkpoint(path)["conv.weight"].numpy(), half)


def test_a_transposed_convolution_has_its_inputs_first(tmp_path: Path) -> None:
    parameters = make_convolution(WEIGHT, BIAS)
    parameters[0] |= {10: Scalar("i", 8), 11: Scalar("i", 6)}
    path = save_convolution(tmp_path / "m.mnn", parameters, kind=17)
    checkpoint = open_checkpoint(path)
    assert checkpoint["conv.weight"].shape == (6, 8, 1, 5)
    assert checkpoint.modules["conv.weight"].type == "ConvTranspose"


def test_sparse_weights_are_skipped_with_words(tmp_path: Path) -> None:
    fields = {"field_0": np.zeros(9, np.int8), "field_2": Scalar("i", 2)}
    path = save_convolution(tmp_path / "m.mnn", make_convolution(WEIGHT, BIAS, **fields))
    (skip,) = open_checkpoint(path).skips
    assert (skip.is_weight, "stored sparse, which is not read" in skip.reason) == (True, True)


def make_outside(offset: int) -> Fields:
    """A convolution whose weights lie in the file beside the model."""
    parameters = make_convolution(WEIGHT, BIAS)
    external = np.asarray([offset, WEIGHT.nbytes, BIAS.nbytes], np.int64)
    return {0: parameters[0], 6: external}


def test_weights_outside_the_model_are_read(tmp_path: Path) -> None:
    path = save_convolution(tmp_path / "m.mnn", make_outside(8))
    content = b"\0" * 8 + WEIGHT.tobytes() + BIAS.tobytes()
    (tmp_path / "m.mnn.weight").write_bytes(content)
    checkpoint = open_checkpoint(path)
    assert np.array_equal(checkpoint["conv.weight"].numpy(), WEIGHT)
    assert np.array_equal(checkpoint["conv.bias"].numpy(), BIAS)


def test_a_missing_file_of_weights_is_named(tmp_path: Path) -> None:
    path = save_convolution(tmp_path / "m.mnn", make_outside(0))
    with pytest.raises(CheckpointError, match=r"m\.mnn\.weight, which is not there"):
        open_checkpoint(path)


def test_a_cut_file_of_weights_is_named(tmp_path: Path) -> None:
    path = save_convolution(tmp_path / "m.mnn", make_outside(0))
    (tmp_path / "m.mnn.weight").write_bytes(WEIGHT.tobytes())
    with pytest.raises(CheckpointError, match=r"m\.mnn\.weight: points outside the file"):
        open_checkpoint(path)


def test_another_flatbuffer_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.mnn").write_bytes(pack({0: "x", 1: Scalar("i", 3)}))
    with pytest.raises(CheckpointError, match="no MNN model"):
        open_checkpoint(tmp_path / "m.mnn")


def test_names_that_come_again_are_numbered(tmp_path: Path) -> None:
    constant = make_constant(WEIGHT)
    operators = [make_operator(11, 7, constant, "a", [], [index]) for index in range(2)]
    write_model(tmp_path / "m.mnn", operators, ["a", "b"])
    assert list(open_checkpoint(tmp_path / "m.mnn")) == ["a", "a#2"]
