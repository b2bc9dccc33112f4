"""convert: against the frameworks themselves, by evidence, by template, by recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from auscult.checkpoint import open_checkpoint
from auscult.errors import RecipeError, UsageError
from auscult.recipe import Entry, Recipe
from auscult.recipe.ops.permute import Permute
from auscult.verbs.convert.convert import WriteOptions, convert
from auscult.verdict import Verdict
from auscult.weights import Checkpoint, ModuleInfo, Quantization, Tensor
from tests.verbs.convert_samples import equal, floats, in_mlx, leftovers, vocoder

# --- layouts, against the frameworks ---


def test_every_layer_computes_the_same_in_mlx_afterwards(tmp_path: Path) -> None:
    torch, mx, mlx_nn = (
        pytest.importorskip("torch"),
        pytest.importorskip("mlx.core"),
        pytest.importorskip("mlx.nn"),
    )
    torch.manual_seed(0)
    norm = torch.nn.utils.parametrizations.weight_norm
    layers: dict[str, Any] = {
        "conv": torch.nn.Conv1d(6, 8, 5),
        "grouped_conv": torch.nn.Conv1d(6, 6, 3, groups=3),
        "normed_conv": norm(torch.nn.Conv1d(6, 6, 3)),
        "ups": torch.nn.utils.weight_norm(torch.nn.ConvTranspose1d(6, 6, 4)),
        "conv2d": torch.nn.Conv2d(6, 6, (3, 2)),
        "linear": torch.nn.Linear(6, 6),
        "embedding": torch.nn.Embedding(6, 6),
        "batch_norm": torch.nn.BatchNorm1d(6),
        "lstm": torch.nn.LSTM(6, 5, batch_first=True),
        "gru": torch.nn.GRU(6, 5, batch_first=True),
        "rnn": torch.nn.RNN(6, 5, batch_first=True),
    }
    module = torch.nn.ModuleDict(layers).eval()
    torch.save({"model": module.state_dict()}, tmp_path / "m.pth")
    report = convert(tmp_path / "m.pth", tmp_path / "m.safetensors", to="mlx")
    assert report.verdict is Verdict.EQUIVALENT
    assert report.coverage is not None
    assert report.coverage.total == len(module.state_dict())
    assert report.coverage.buckets["dropped"] + report.coverage.buckets["equivalent"] >= 3
    mirror: dict[str, Any] = {
        "conv": mlx_nn.Conv1d(6, 8, 5),
        "grouped_conv": mlx_nn.Conv1d(6, 6, 3, groups=3),
        "normed_conv": mlx_nn.Conv1d(6, 6, 3),
        "ups": mlx_nn.ConvTranspose1d(6, 6, 4),
        "conv2d": mlx_nn.Conv2d(6, 6, (3, 2)),
        "linear": mlx_nn.Linear(6, 6),
        "embedding": mlx_nn.Embedding(6, 6),
        "batch_norm": mlx_nn.BatchNorm(6),
        "lstm": mlx_nn.LSTM(6, 5),
        "gru": mlx_nn.GRU(6, 5),
        "rnn": mlx_nn.RNN(6, 5),
    }
    weights = mx.load(str(tmp_path / "m.safetensors"))
    for name, layer in mirror.items():
        own = [
            (key.removeprefix(name + "."), value)
            for key, value in weights.items()
            if key.startswith(name + ".")
        ]
        layer.load_weights(own, strict=True)
        layer.eval()
        x = floats(2, 7, 6)
        if name == "embedding":
            expected, got = layers[name](torch.arange(6)), layer(mx.arange(6))
        elif name == "conv2d":
            wide = floats(2, 7, 5, 6)
            expected, got = (
                layers[name](torch.tensor(wide).permute(0, 3, 1, 2)).permute(0, 2, 3, 1),
                layer(mx.array(wide)),
            )
        elif name in ("lstm", "gru", "rnn"):
            expected, got = layers[name](torch.tensor(x))[0], layer(mx.array(x))
            got = got[0] if isinstance(got, tuple) else got
        elif name == "linear":
            expected, got = layers[name](torch.tensor(x)), layer(mx.array(x))
        else:
            expected, got = (
                layers[name](torch.tensor(x).permute(0, 2, 1)).permute(0, 2, 1),
                layer(mx.array(x)),
            )
        np.testing.assert_allclose(
            np.array(got), expected.detach().numpy(), atol=2e-5, err_msg=name
        )


def test_mlx_goes_back_to_torch_and_loads_strictly(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def build(seed: int) -> Any:
        torch.manual_seed(seed)
        layers = {
            "conv": torch.nn.Conv1d(4, 4, 4),
            "up": torch.nn.ConvTranspose1d(4, 4, 4),
            "norm": torch.nn.BatchNorm1d(4),
        }
        return torch.nn.ModuleDict(
            layers | {"gru": torch.nn.GRU(4, 3), "lstm": torch.nn.LSTM(4, 3)}
        ).eval()

    module, again = build(1), build(2)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.safetensors", to="mlx")
    convert(tmp_path / "b.safetensors", tmp_path / "c.pth", to="torch")
    again.load_state_dict(torch.load(tmp_path / "c.pth", weights_only=True), strict=True)
    x = torch.tensor(floats(5, 2, 4))
    for name in ("conv", "up"):
        assert torch.equal(module[name].weight, again[name].weight)
    for name in ("gru", "lstm"):
        torch.testing.assert_close(module[name](x)[0], again[name](x)[0])


def test_a_family_settles_square_weights_and_k_above_in(tmp_path: Path) -> None:
    arrays = vocoder(kernel=16)  # [8, 8, 16] and [4, 4, 16]: more kernel than channels
    save_file(arrays, tmp_path / "a.safetensors", metadata={"format": "pt"})
    report = convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors", to="mlx")
    assert equal(tmp_path / "b.safetensors", in_mlx(arrays))
    assert report.extra["output"]["lossless"]
    assert load_file(tmp_path / "b.safetensors").keys() == arrays.keys()
    again = convert(tmp_path / "b.safetensors", tmp_path / "c.safetensors", to="mlx")
    assert again.verdict is Verdict.PASS, "what is in MLX's layout already is not turned twice"
    assert equal(tmp_path / "c.safetensors", in_mlx(arrays))
    convert(tmp_path / "c.safetensors", tmp_path / "d.safetensors", to="torch")
    assert equal(tmp_path / "d.safetensors", arrays)


AMBIGUOUS = {
    "net.block.weight": floats(8, 8, 4),
    "net.block.bias": floats(8),
    "net.other.weight": floats(4, 6, 3),
}


def test_ambiguous_weights_are_refused_by_name_and_with_what_settles_them(tmp_path: Path) -> None:
    source = Checkpoint.of(AMBIGUOUS)
    with pytest.raises(RecipeError, match=r"net\.block\.weight.*net\.other\.weight.*--like"):
        convert(source, tmp_path / "b.safetensors", to="mlx", from_layout="torch")
    assert leftovers(tmp_path) == []


def test_code_settles_what_the_file_cannot(tmp_path: Path) -> None:
    pytest.importorskip("mlx.core")
    (tmp_path / "model.py").write_text(
        "import mlx.nn as nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.block = nn.ConvTranspose1d(8, 8, 8)\n"
        "        self.other = nn.Conv1d(6, 4, 3, bias=False)\n"
        "def build():\n"
        "    return Net()\n"
    )
    arrays = {
        "block.weight": floats(8, 8, 8),
        "block.bias": floats(8),
        "other.weight": floats(4, 6, 3),
    }
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    convert(
        tmp_path / "a.npz",
        tmp_path / "b.safetensors",
        like=f"{tmp_path / 'model.py'}:build",
        from_layout="torch",
    )
    expected = {
        "block.weight": arrays["block.weight"].transpose(1, 2, 0).copy(),
        "block.bias": arrays["block.bias"],
        "other.weight": arrays["other.weight"].transpose(0, 2, 1).copy(),
    }
    assert equal(tmp_path / "b.safetensors", expected)


def test_nothing_tells_the_layout_so_it_is_asked_for() -> None:
    with pytest.raises(RecipeError, match="--from torch or --from mlx"):
        convert(Checkpoint.of({"body.conv.weight": floats(4, 4, 4)}), None, to="mlx")


def test_a_declared_layout_that_the_biases_contradict_is_refused() -> None:
    arrays = {"up.weight": floats(8, 4, 3), "up.bias": floats(4)}
    with pytest.raises(RecipeError, match="another layout than was said"):
        convert(Checkpoint.of(arrays), None, to="torch", from_layout="mlx")


@pytest.mark.parametrize(
    ("name", "shape", "bias", "axes"),
    [
        ("x.deconv.weight", (6, 6, 3), 6, (1, 2, 0)),
        ("x.convs.0.weight", (6, 6, 3), 6, (0, 2, 1)),
        ("x.layer.weight", (6, 4, 3), 6, (0, 2, 1)),
        ("x.layer.weight", (6, 4, 3), 4, (1, 2, 0)),
        ("x.conv.weight", (6, 4, 3), 4, (1, 2, 0)),  # the bias is a fact, the name a habit
        ("decoder.convtr.convtr.weight", (6, 6, 3), None, (1, 2, 0)),
        ("source_downs.0.weight", (256, 18, 30), 256, (0, 2, 1)),
        ("x.conv2d.weight", (6, 6, 3, 3), 6, (0, 2, 3, 1)),
        ("transformer.h.0.attn.c_attn.weight", (4, 12), 12, (1, 0)),
        ("linear.weight", (4, 4), 4, None),
        (
            "x.deconv.weight",
            (6, 1, 3),
            6,
            (0, 2, 1),
        ),  # depthwise: the groups lie along the other axis in MLX
    ],
)
def test_evidence_for_a_layer(
    name: str, shape: tuple[int, ...], bias: int | None, axes: tuple[int, ...] | None
) -> None:
    arrays = {name: floats(*shape)} | (
        {name.replace("weight", "bias"): floats(bias)} if bias else {}
    )
    report = convert(
        Checkpoint.of(arrays),
        None,
        to="mlx",
        from_layout="torch",
        options=WriteOptions(dry_run=True),
    )
    ops = {entry.a[0]: entry.ops for entry in report.mapping}[name]
    assert ops == (() if axes is None else ({"op": "permute", "axes": list(axes)},))


def test_grouped_transposed_convolutions_compute_the_same(tmp_path: Path) -> None:
    torch, mx = pytest.importorskip("torch"), pytest.importorskip("mlx.core")
    layer = torch.nn.ConvTranspose1d(6, 4, 3, groups=2)
    torch.save(
        {"deconv.weight": layer.weight.detach(), "deconv.bias": layer.bias.detach()},
        tmp_path / "a.pth",
    )
    convert(tmp_path / "a.pth", tmp_path / "b.safetensors", to="mlx")
    stored, x = mx.load(str(tmp_path / "b.safetensors")), floats(2, 5, 6)
    got = (
        mx.conv_transpose1d(mx.array(x), stored["deconv.weight"], groups=2) + stored["deconv.bias"]
    )
    expected = layer(torch.tensor(x).permute(0, 2, 1)).permute(0, 2, 1)
    np.testing.assert_allclose(np.array(got), expected.detach().numpy(), atol=1e-5)


def test_a_transposed_convolution_without_bias_may_be_depthwise_so_it_is_refused() -> None:
    with pytest.raises(RecipeError, match="depthwise"):
        convert(
            Checkpoint.of({"deconv.weight": floats(6, 1, 3)}), None, to="mlx", from_layout="torch"
        )


@pytest.mark.parametrize("name", ["x.upsample.conv.weight", "x.layer.weight", "ups.0.body.weight"])
def test_names_that_disagree_or_say_nothing_do_not_decide(name: str) -> None:
    arrays = {name: floats(6, 6, 3), name.replace("weight", "bias"): floats(6)}
    with pytest.raises(RecipeError, match="cannot tell plain from transposed"):
        convert(Checkpoint.of(arrays), None, to="mlx", from_layout="torch")


def test_what_is_no_layers_weight_is_kept_and_said(tmp_path: Path) -> None:
    source = Checkpoint.of(
        {
            "pos.table": floats(1, 5, 4),
            "lstm.weight_ih_l1": floats(8, 2),
            "lstm.weight_hh_l1": floats(8, 2),
        }
    )
    report = convert(source, None, to="mlx", from_layout="torch")
    assert {skip.where for skip in report.skips} == {"pos.table", "lstm"}


# --- names: --like ---


def test_like_a_file_takes_its_names_layout_and_dtypes(tmp_path: Path) -> None:
    arrays = vocoder()
    renamed = {
        f"generator.{name}": array.astype(np.float16) for name, array in in_mlx(arrays).items()
    }
    save_file(arrays, tmp_path / "a.safetensors")
    save_file(renamed, tmp_path / "like.safetensors")
    report = convert(
        tmp_path / "a.safetensors",
        tmp_path / "b.safetensors",
        like=str(tmp_path / "like.safetensors"),
    )
    assert equal(tmp_path / "b.safetensors", renamed)
    assert report.coverage is not None
    assert report.coverage.buckets["close"] == len(arrays)


def test_like_refuses_a_template_with_more_tensors_unless_allowed(tmp_path: Path) -> None:
    arrays = {"a.weight": floats(3, 4), "a.bias": floats(3)}
    template = Checkpoint.of(arrays | {"b.weight": floats(5, 5)})
    with pytest.raises(RecipeError, match=r"no source for tensors of the template.*b\.weight"):
        convert(Checkpoint.of(arrays), tmp_path / "o.npz", like=template)
    report = convert(
        Checkpoint.of(arrays),
        tmp_path / "o.npz",
        like=template,
        options=WriteOptions(allow_missing=True),
    )
    assert any(skip.where == "b.weight" for skip in report.skips)
    assert equal(tmp_path / "o.npz", arrays)


# --- formats, dtypes, recipes ---


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
def test_every_format_comes_back_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    arrays = vocoder() | {
        "steps": np.array(7),
        "mask": np.array([True, False]),
        "none": np.zeros((0, 3), np.float32),
    }
    save_file(arrays, tmp_path / "a.safetensors")
    report = convert(tmp_path / "a.safetensors", tmp_path / f"b{suffix}")
    assert report.verdict is Verdict.PASS
    convert(tmp_path / f"b{suffix}", tmp_path / "c.safetensors")
    assert equal(tmp_path / f"b{suffix}", arrays)
    assert equal(tmp_path / "c.safetensors", arrays)


def test_dtype_casts_floats_only_and_names_the_format(tmp_path: Path) -> None:
    arrays = {"w": floats(9, 3), "steps": np.array(7)}
    report = convert(Checkpoint.of(arrays), tmp_path / "b.safetensors", dtype="float16")
    assert equal(
        tmp_path / "b.safetensors", {"w": arrays["w"].astype(np.float16), "steps": arrays["steps"]}
    )
    assert {entry.a[0]: entry.number_format for entry in report.mapping} == {
        "w": "float16",
        "steps": None,
    }
    with pytest.raises(UsageError, match="not a floating dtype"):
        convert(Checkpoint.of(arrays), None, dtype="int8")


def test_an_overflowing_cast_writes_nothing(tmp_path: Path) -> None:
    source = Checkpoint.of({"fine": floats(4), "w": np.array([1.0, 1e6], np.float32)})
    with pytest.raises(RecipeError, match="did not survive its round trip"):
        convert(source, tmp_path / "b.safetensors", dtype="float16")
    assert leftovers(tmp_path) == []


def test_quantised_tensors_become_real_numbers(tmp_path: Path) -> None:
    stored = np.arange(-8, 8, dtype=np.int8).reshape(4, 4)
    affine = Quantization(np.array([0.5, 0.25, 1.0, 2.0], np.float32), np.array([1, 0, 0, 0]), 0)
    tensor = Tensor("w", (4, 4), "int8", Tensor.of("w", stored).data, 16, quantization=affine)
    report = convert(Checkpoint("q", "litert", {"w": tensor}), tmp_path / "b.npz")
    assert equal(tmp_path / "b.npz", {"w": affine.dequantize(stored)})
    assert report.mapping[0].ops[0]["op"] == "dequantize"


def test_a_saved_recipe_does_the_same_again(tmp_path: Path) -> None:
    arrays = vocoder()
    save_file(arrays, tmp_path / "a.safetensors")
    recipe = tmp_path / "r.json"
    convert(
        tmp_path / "a.safetensors",
        None,
        to="mlx",
        from_layout="torch",
        options=WriteOptions(save_recipe=recipe),
    )
    convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors", recipe=recipe)
    assert equal(tmp_path / "b.safetensors", in_mlx(arrays))
    back = Recipe.load(recipe).invert()
    convert(tmp_path / "b.safetensors", tmp_path / "c.safetensors", recipe=back)
    assert equal(tmp_path / "c.safetensors", arrays)


def test_shards_and_their_index(tmp_path: Path) -> None:
    arrays = {f"layer.{i}.weight": floats(50, 50, seed=i) for i in range(5)}
    recipe = Recipe(tuple(Entry((name,), (name,), (Permute((1, 0)),)) for name in arrays))
    convert(
        Checkpoint.of(arrays),
        tmp_path / "m.safetensors",
        recipe=recipe,
        options=WriteOptions(shard_bytes=25_000),
    )
    index = tmp_path / "m.safetensors.index.json"
    assert sorted(set(json.loads(index.read_text())["weight_map"].values())) == leftovers(
        tmp_path, index.name
    )
    tensors = open_checkpoint(index)
    assert set(tensors) == set(arrays)
    assert tensors["layer.3.weight"].numpy().tobytes() == arrays["layer.3.weight"].T.tobytes()


def test_a_sharded_source_is_one_checkpoint(tmp_path: Path) -> None:
    arrays = {f"layer.{i}.weight": floats(50, 50, seed=i) for i in range(5)}
    convert(
        Checkpoint.of(arrays), tmp_path / "m.safetensors", options=WriteOptions(shard_bytes=25_000)
    )
    convert(tmp_path / "m.safetensors.index.json", tmp_path / "whole.safetensors")
    assert equal(tmp_path / "whole.safetensors", arrays)
    with pytest.raises(UsageError, match="own input"):
        convert(
            tmp_path / "m.safetensors.index.json",
            tmp_path / "m-00001-of-00003.safetensors",
            options=WriteOptions(force=True),
        )


@pytest.mark.parametrize("name", ["layer.weight_zero_point", "layer.weight"])
def test_one_number_that_is_called_a_weight_is_kept(tmp_path: Path, name: str) -> None:
    values = {"norm.weight": np.ones(4, np.float32), name: np.array(3.0, np.float32)}
    save_file(values, tmp_path / "a.safetensors")
    report = convert(
        tmp_path / "a.safetensors", tmp_path / "b.safetensors", to="mlx", from_layout="torch"
    )
    assert report.verdict is Verdict.PASS
    assert open_checkpoint(tmp_path / "b.safetensors")[name].numpy().item() == 3.0


def test_matrices_alone_need_no_layout_and_core_ml_has_torchs() -> None:
    matrices = Checkpoint.of({"proj.weight": floats(8, 4), "proj.bias": floats(8)})
    assert convert(matrices, None, to="torch").verdict is Verdict.PASS
    square = {"pre.weight": floats(8, 8, 3)}
    with pytest.raises(RecipeError, match="nothing in the file tells"):
        convert(Checkpoint.of(square), None, to="torch")
    gates = ModuleInfo("lstm", "lstm")
    graph = Checkpoint("m", "coreml", Checkpoint.of(square).tensors, modules={"pre.weight": gates})
    report = convert(graph, None, to="torch")
    assert any("gates stay in the graph's order" in skip.reason for skip in report.skips)
