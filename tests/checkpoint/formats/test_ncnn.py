from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.weights import Checkpoint
from tests.checkpoint.folder_samples import pnnx
from tests.checkpoint.folder_samples.ncnn import NcnnWriter, make

RNG = np.random.default_rng(6)
WEIGHT = RNG.normal(size=(8, 6, 5)).astype(np.float32)


def write_convolution(path: Path, words: str, *, kind: str = "Convolution1D") -> NcnnWriter:
    """A model of one convolution without its weights."""
    model = NcnnWriter()
    model.add(kind, "conv", f"0=8 1=5 5=0 6={WEIGHT.size} {words}")
    model.write(path)
    return model


def test_layers_tell_the_shapes(tmp_path: Path) -> None:
    make(tmp_path, 0)
    checkpoint = open_checkpoint(tmp_path / "model.param")
    assert checkpoint.format == "ncnn"
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "conv.weight": (6, 4, 3),
        "conv.bias": (6,),
        "up.weight": (6, 4, 4),
        "norm.weight": (4,),
        "norm.bias": (4,),
        "linear.weight": (3, 4),
        "gru.weight_xc": (2, 6, 3),
        "gru.bias_c": (8,),
        "gru.bias_c_reverse": (8,),
        "gru.weight_hc": (2, 6, 2),
        "leaky.weight": (1,),
    }
    assert checkpoint.modules["up.weight"].type == "ConvTranspose"
    assert not checkpoint.skips


def test_a_transposed_convolution_has_its_inputs_first(tmp_path: Path) -> None:
    model = write_convolution(tmp_path / "m.param", "", kind="Deconvolution1D")
    model.store(WEIGHT)
    model.write(tmp_path / "m.param")
    weight = open_checkpoint(tmp_path / "m.param")["conv.weight"]
    assert np.array_equal(weight.numpy(), WEIGHT.transpose(1, 0, 2))
    assert np.array_equal(weight.flat(7, 33), weight.numpy().reshape(-1)[7:33])


def test_a_transposed_convolution_in_groups_too(tmp_path: Path) -> None:
    model = write_convolution(tmp_path / "m.param", "7=2", kind="DeconvolutionDepthWise1D")
    model.store(WEIGHT)
    model.write(tmp_path / "m.param")
    weight = open_checkpoint(tmp_path / "m.param")["conv.weight"].numpy()
    expected = WEIGHT.reshape(2, 4, 6, 5).swapaxes(1, 2).reshape(12, 4, 5)
    assert np.array_equal(weight, expected)


def test_float16_has_zeros_for_the_smallest_values(tmp_path: Path) -> None:
    small = WEIGHT.copy()
    small[0, :3, 0] = 5e-5
    cut = np.where(np.abs(small) < 2.0**-14, 0, small).astype(np.float16)
    model = write_convolution(tmp_path / "m.param", "")
    model.store(cut)
    model.write(tmp_path / "m.param")
    tensor = open_checkpoint(tmp_path / "m.param")["conv.weight"]
    assert np.array_equal(tensor.values(), cut.astype(np.float32))
    assert isinstance(tensor.data, CodedWeight)
    truth = Checkpoint.of({"conv.weight": small})
    assert diff(str(tmp_path / "m.param"), truth).verdict.name == "EQUIVALENT"
    other = Checkpoint.of({"conv.weight": small * np.float32(1.01)})
    assert diff(str(tmp_path / "m.param"), other).verdict.name == "DIVERGENT"


def test_integers_have_the_scales_behind_them(tmp_path: Path) -> None:
    model = write_convolution(tmp_path / "m.param", "8=2")
    codes = RNG.integers(-127, 128, WEIGHT.shape, np.int8)
    scales = RNG.uniform(50, 90, 8).astype(np.float32)
    model.store(codes)
    model.store(np.append(scales, np.float32(4)), flagged=False)
    model.write(tmp_path / "m.param")
    values = open_checkpoint(tmp_path / "m.param")["conv.weight"].values()
    assert np.allclose(values, codes / scales[:, None, None], rtol=1e-6, atol=0)


def test_a_table_of_values_is_looked_up(tmp_path: Path) -> None:
    model = write_convolution(tmp_path / "m.param", "")
    table, indices = RNG.normal(size=256), RNG.integers(0, 256, WEIGHT.shape, np.uint8)
    model.store_table(table, indices)
    model.write(tmp_path / "m.param")
    values = open_checkpoint(tmp_path / "m.param")["conv.weight"].values()
    assert np.array_equal(values, table.astype(np.float32)[indices])


def test_what_lies_behind_an_unknown_layer_is_skipped_with_words(tmp_path: Path) -> None:
    model = write_convolution(tmp_path / "m.param", "")
    model.store(WEIGHT)
    model.add("Convolution3D", "deep", "0=8 1=3 6=216")
    model.store(RNG.normal(size=216).astype(np.float32))
    model.write(tmp_path / "m.param")
    checkpoint = open_checkpoint(tmp_path / "m.param")
    (skip,) = checkpoint.skips
    assert list(checkpoint) == ["conv.weight"]
    assert (skip.where, skip.is_weight) == ("deep", True)
    assert "weights of a Convolution3D are not read" in skip.reason


def test_bytes_that_no_layer_takes_are_told(tmp_path: Path) -> None:
    make(tmp_path, 0)
    path = tmp_path / "model.bin"
    path.write_bytes(path.read_bytes() + b"12345678")
    (skip,) = open_checkpoint(tmp_path / "model.param").skips
    assert "8 bytes at the end" in skip.reason


def test_a_missing_bin_is_named(tmp_path: Path) -> None:
    make(tmp_path, 0)
    (tmp_path / "model.bin").unlink()
    with pytest.raises(CheckpointError, match=r"keeps data in model\.bin, which is not there"):
        open_checkpoint(tmp_path / "model.param")


def test_a_cut_bin_and_a_cut_param_are_named(tmp_path: Path) -> None:
    make(tmp_path, 0)
    path = tmp_path / "model.bin"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"model\.bin: points outside the file"):
        open_checkpoint(tmp_path / "model.param")
    text = (tmp_path / "model.param").read_text()
    (tmp_path / "model.param").write_text(text[: len(text) // 2].rpartition("\n")[0])
    with pytest.raises(CheckpointError, match=r"cut off or damaged"):
        open_checkpoint(tmp_path / "model.param")


def test_the_bin_alone_names_the_param(tmp_path: Path) -> None:
    make(tmp_path, 0)
    with pytest.raises(CheckpointError, match=r"holds the weights of model\.param"):
        open_checkpoint(tmp_path / "model.bin")


def test_another_param_is_text(tmp_path: Path) -> None:
    (tmp_path / "m.param").write_text("7767518\n1 1\n")
    with pytest.raises(CheckpointError, match="is text, not a checkpoint"):
        open_checkpoint(tmp_path / "m.param")


def test_pnnx_has_names_and_shapes(tmp_path: Path) -> None:
    pnnx.write_model(
        tmp_path / "m.pnnx.param",
        [
            ("nn.Conv1d", "conv", {"weight": WEIGHT}),
            ("pnnx.Attribute", "alpha", {"data": WEIGHT[:1]}),
        ],
    )
    checkpoint = open_checkpoint(tmp_path / "m.pnnx.param")
    assert checkpoint.format == "pnnx"
    assert np.array_equal(checkpoint["conv.weight"].numpy(), WEIGHT)
    assert np.array_equal(checkpoint["alpha"].numpy(), WEIGHT[:1])
    assert checkpoint.modules["conv.weight"].type == "Conv"


def test_a_pnnx_archive_alone_names_the_param(tmp_path: Path) -> None:
    pnnx.make(tmp_path, 0)
    with pytest.raises(CheckpointError, match=r"holds the weights of model\.pnnx\.param"):
        open_checkpoint(tmp_path / "model.pnnx.bin")
