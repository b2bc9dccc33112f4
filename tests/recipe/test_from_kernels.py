"""Kernels of Keras, TensorFlow and Flax in torch's layout and names; what no rule covers is kept and said."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import RecipeError
from auscult.recipe.from_kernels import plan_from_kernels
from auscult.recipe.lazy import apply_recipe
from auscult.recipe.proof import prove_recipe
from auscult.verbs.convert.convert import convert
from auscult.weights import Array, Checkpoint
from tests.rules.models import filled


def make_checkpoint(arrays: dict[str, Array], format_name: str) -> Checkpoint:
    checkpoint = Checkpoint.of(arrays)
    return Checkpoint(checkpoint.path, format_name, checkpoint.tensors)


def turn(checkpoint: Checkpoint) -> dict[str, Array]:
    recipe, _ = plan_from_kernels(checkpoint)
    assert prove_recipe(recipe, checkpoint).holds
    return {name: tensor.numpy() for name, tensor in apply_recipe(recipe, checkpoint).items()}


KERAS = filled(
    {
        "pre.kernel": (5, 16, 32),
        "pre.bias": (32,),
        "up0.kernel": (4, 16, 32),
        "up0.bias": (16,),
        "proj.kernel": (32, 64),
        "norm.gamma": (16,),
        "norm.beta": (16,),
        "bn.moving_variance": (16,),
        "lstm.cell.kernel": (16, 128),
        "lstm.cell.recurrent_kernel": (32, 128),
        "lstm.cell.bias": (128,),
    }
)


def test_keras_in_torchs_layout() -> None:
    result = turn(make_checkpoint(KERAS, "keras"))
    for target, expected in {
        "pre.weight": KERAS["pre.kernel"].transpose(2, 1, 0),
        "up0.weight": KERAS["up0.kernel"].transpose(2, 1, 0),
        "proj.weight": KERAS["proj.kernel"].T,
        "norm.weight": KERAS["norm.gamma"],
        "norm.bias": KERAS["norm.beta"],
        "bn.running_var": KERAS["bn.moving_variance"],
        "lstm.weight_ih_l0": KERAS["lstm.cell.kernel"].T,
        "lstm.weight_hh_l0": KERAS["lstm.cell.recurrent_kernel"].T,
        "lstm.bias_ih_l0": KERAS["lstm.cell.bias"],
        "lstm.bias_hh_l0": np.zeros(128, np.float32),
    }.items():
        assert np.array_equal(result[target], expected), target
    assert not {name for name in result if "kernel" in name}


def test_torch_computes_what_keras_and_flax_define() -> None:
    """A transposed convolution spreads each input over the kernel; Flax' kernel lies reversed."""
    torch = pytest.importorskip("torch")
    kernel = filled({"k": (3, 2, 4)})["k"]  # keras: (k, out, in)
    impulse = torch.zeros(1, 4, 1)
    impulse[0, 1, 0] = 1.0
    keras = turn(make_checkpoint({"up.kernel": kernel}, "keras"))["up.weight"]
    flax_kernel = np.ascontiguousarray(kernel[::-1].transpose(0, 2, 1))  # (k, in, out)
    flax = turn(make_checkpoint({"up.kernel": flax_kernel}, "flax"))["up.weight"]
    for weight in (keras, flax):
        heard = torch.nn.functional.conv_transpose1d(impulse, torch.from_numpy(weight.copy()))
        assert np.array_equal(heard[0].numpy(), kernel[:, :, 1].T)


def test_flax_that_does_not_say_the_kind_is_refused() -> None:
    with pytest.raises(RecipeError, match="plain from transposed"):
        plan_from_kernels(make_checkpoint({"layer.kernel": KERAS["pre.kernel"]}, "flax"))
    plain = turn(make_checkpoint({"conv_pre.kernel": KERAS["pre.kernel"]}, "flax"))
    assert np.array_equal(plain["conv_pre.weight"], KERAS["pre.kernel"].transpose(2, 1, 0))


def test_what_no_rule_covers_is_kept_and_said() -> None:
    gru = filled({"gru.cell.kernel": (16, 96), "gru.cell.recurrent_kernel": (32, 96)})
    checkpoint = make_checkpoint(gru | {"a.depthwise_kernel": KERAS["pre.kernel"]}, "keras")
    _, skips = plan_from_kernels(checkpoint)
    assert [skip.where for skip in skips] == list(checkpoint)
    assert turn(checkpoint).keys() == checkpoint.tensors.keys()
    both = turn(
        make_checkpoint({"n.scale": KERAS["norm.gamma"], "n.kernel": KERAS["proj.kernel"]}, "flax")
    )
    assert set(both) == {"n.scale", "n.kernel"}  # one name for two: neither gets it


def test_keras_goes_on_to_mlx() -> None:
    arrays = {"conv_pre.kernel": KERAS["pre.kernel"], "conv_pre.bias": KERAS["pre.bias"]}
    report = convert(make_checkpoint(arrays, "keras"), None, to="mlx")
    assert {name for entry in report.mapping for name in entry.b} == {
        "conv_pre.weight",
        "conv_pre.bias",
    }
