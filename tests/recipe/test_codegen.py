"""Printed code is run, and must do what the recipe does: once, and nothing the second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from auscult.checkpoint.source import dtype_of
from auscult.errors import RecipeError
from auscult.recipe import Entry, Op, Recipe
from auscult.recipe.codegen_groups import fold_entries
from auscult.recipe.ops.byteswap import Byteswap
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.copy import Copy
from auscult.recipe.ops.deinterleave import Deinterleave
from auscult.recipe.ops.dequantize import Dequantize
from auscult.recipe.ops.drop import Drop
from auscult.recipe.ops.exp import Exp
from auscult.recipe.ops.flip import Flip
from auscult.recipe.ops.fold_batch_norm import FoldBatchNorm
from auscult.recipe.ops.fortran import FortranScramble
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.interleave import Interleave
from auscult.recipe.ops.log import Log
from auscult.recipe.ops.merge_lora import MergeLora
from auscult.recipe.ops.parallel import Parallel
from auscult.recipe.ops.permute import Permute
from auscult.recipe.ops.reinterpret import Reinterpret
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape
from auscult.recipe.ops.route import Route
from auscult.recipe.ops.split import Split
from auscult.recipe.ops.split_weight_norm import SplitWeightNorm
from auscult.recipe.ops.sum import Sum
from auscult.recipe.ops.unify import Unify
from auscult.weights import Array, Checkpoint

Framework = Literal["mlx", "torch"]
FRAMEWORKS: tuple[Framework, ...] = ("mlx", "torch")


def floats(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def to_framework(arrays: dict[str, Array], framework: Framework) -> dict[str, Any]:
    if framework == "mlx":
        mx = pytest.importorskip("mlx.core")
        return {name: mx.array(array) for name, array in arrays.items()}
    torch = pytest.importorskip("torch")
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def to_numpy(values: dict[str, Any]) -> dict[str, Array]:
    return {name: np.array(value) for name, value in values.items()}


def run(source: str, framework: Framework, weights: dict[str, Any]) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(source, "printed.py", "exec"), space)
    result: dict[str, Any] = space["sanitize" if framework == "mlx" else "convert"](weights)
    return result


def assert_printed_code_does_what_the_recipe_does(
    recipe: Recipe, arrays: dict[str, Array], framework: Framework
) -> str:
    source = Checkpoint.of(arrays)
    bound = recipe.bind(source)
    text = bound.code(framework)
    expected = {name: tensor.numpy() for name, tensor in bound.apply(source).items()}
    once = run(text, framework, to_framework(arrays, framework))
    got = to_numpy(once)
    assert set(got) == set(expected)
    for name, array in expected.items():
        assert got[name].shape == array.shape, name
        assert got[name].dtype == array.dtype, name
        np.testing.assert_allclose(got[name], array, rtol=2e-6, atol=1e-6, err_msg=name)
    twice = run(text, framework, once)
    assert twice is once, "converted weights must come back unchanged"
    return text


OPS: tuple[tuple[tuple[Op, ...], list[Array], int], ...] = (
    ((Permute((1, 2, 0)),), [floats(2, 3, 4)], 1),
    ((Reshape((2, 3), (3, 2)),), [floats(2, 3)], 1),
    ((FuseWeightNorm(0), Permute((0, 2, 1))), [floats(4, 1, 1), floats(4, 3, 2)], 1),
    ((SplitWeightNorm(1),), [floats(4, 3, 2)], 2),
    ((Concat(0, (1, 2)),), [floats(1, 3), floats(2, 3)], 1),
    ((Split(1, (1, 2, 3)), Flip(0)), [floats(2, 6)], 3),
    ((ReorderBlocks(0, (0, 3, 1, 2)),), [floats(8, 2)], 1),
    ((Interleave(0, 2),), [floats(12, 2)], 1),
    ((Deinterleave(1, 2, 2, 3),), [floats(2, 12)], 1),
    ((Cast("float16", "float32"),), [floats(5)], 1),
    ((Sum(2),), [floats(5), floats(5)], 1),
    (
        (FoldBatchNorm(1e-5, 0),),
        [floats(4, 3), floats(4), floats(4), floats(4), floats(4), np.abs(floats(4))],
        2,
    ),
    (
        (FoldBatchNorm(1e-3, 1),),
        [floats(3, 4), floats(4), floats(4), floats(4), np.abs(floats(4))],
        2,
    ),
    ((MergeLora(0.5),), [floats(6, 4), floats(2, 4), floats(6, 2)], 1),
    ((MergeLora(0.5, "ab"),), [floats(6, 4), floats(4, 2), floats(2, 6)], 1),
    ((Log(),), [np.abs(floats(5))], 1),
    ((Exp(),), [floats(5)], 1),
    ((Flip(1),), [floats(2, 3)], 1),
    ((Dequantize((0.5, 0.25), (1, -1), 0),), [np.arange(6, dtype=np.int8).reshape(2, 3)], 1),
    ((Reinterpret("int32", "float32"),), [floats(4)], 1),
    ((FortranScramble(),), [floats(2, 3, 4)], 1),
    ((FortranScramble("row"),), [floats(2, 3, 4)], 1),
    ((Copy(2),), [floats(3)], 2),
    ((Unify(2),), [floats(3), floats(3)], 1),
    ((Route((1, 0)),), [floats(3), floats(2)], 2),
    (
        (Parallel(((1, 1, (Permute((1, 0)),)), (0, 1, (Constant((2,), "float32", 0.5),)))),),
        [floats(3, 2)],
        2,
    ),
)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("ops", "sources", "targets"),
    OPS,
    ids=lambda value: value[0].op if isinstance(value, tuple) else "",
)
def test_every_operation_can_be_printed(
    framework: Framework, ops: tuple[Op, ...], sources: list[Array], targets: int
) -> None:
    names = tuple(f"s.{'abcdef'[i]}" for i in range(len(sources)))
    recipe = Recipe((Entry(names, tuple(f"t.{'abcdef'[i]}" for i in range(targets)), ops),), "keep")
    arrays = dict(zip(names, sources, strict=True)) | {"other": floats(2)}
    assert_printed_code_does_what_the_recipe_does(recipe, arrays, framework)


def vocoder(width: int = 8, *, square: bool = False) -> dict[str, Array]:
    arrays: dict[str, Array] = {
        "conv_pre.weight": floats(width, width if square else 5, 7),
        "conv_pre.bias": floats(width),
    }
    for i in range(2):
        arrays[f"ups.{i}.weight"] = floats(width, width if square else width // 2, 4)
        for j in range(3):
            arrays[f"resblocks.{i}.convs1.{j}.weight"] = floats(
                width, width, 3 if not square else width
            )
            arrays[f"resblocks.{i}.convs2.{j}.weight"] = floats(
                width, width, 3 if not square else width
            )
    return arrays


def vocoder_recipe(names: dict[str, Array]) -> Recipe:
    def ops(name: str) -> tuple[Op, ...]:
        return (
            ()
            if name.endswith("bias")
            else (Permute((1, 2, 0) if name.startswith("ups") else (0, 2, 1)),)
        )

    return Recipe(tuple(Entry((name,), (name,), ops(name)) for name in names))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_patterns_become_loops_and_square_weights_follow_the_whole_file(
    framework: Framework,
) -> None:
    arrays = vocoder()
    text = assert_printed_code_does_what_the_recipe_does(vocoder_recipe(arrays), arrays, framework)
    assert text.count("for ") >= 4
    assert text.count("resblocks") <= 3, "twelve convolutions are one rule"
    assert "'ups.0.weight': ((8, 4, 4), (4, 4, 8))" in text
    assert len(text.splitlines()) < 60


def test_weights_of_neither_layout_are_refused() -> None:
    arrays = vocoder()
    text = vocoder_recipe(arrays).bind(Checkpoint.of(arrays)).code("torch")
    mixed = to_framework(arrays, "torch")
    mixed["conv_pre.weight"] = mixed["conv_pre.weight"].permute(0, 2, 1)
    with pytest.raises(ValueError, match="not the weights"):
        run(text, "torch", mixed)


def test_where_nothing_tells_the_caller_must_say() -> None:
    arrays = {name: array for name, array in vocoder(4, square=True).items() if "convs" in name}
    bound = vocoder_recipe(arrays).bind(Checkpoint.of({name: floats(4, 4, 4) for name in arrays}))
    text = bound.code("torch")
    assert "*, converted" in text
    with pytest.raises(TypeError, match="converted"):
        run(text, "torch", {})


def test_a_dropped_counter_alone_does_not_decide() -> None:
    arrays = {"norm.num_batches_tracked": np.array(3), "conv.weight": floats(4, 3, 2)}
    recipe = Recipe(
        (
            Entry(("norm.num_batches_tracked",), (), (Drop((), "int64", 3),)),
            Entry(("conv.weight",), ("conv.weight",), (Permute((0, 2, 1)),)),
        )
    )
    text = assert_printed_code_does_what_the_recipe_does(recipe, arrays, "torch")
    without = to_framework({"conv.weight": arrays["conv.weight"]}, "torch")
    assert tuple(run(text, "torch", without)["conv.weight"].shape) == (4, 2, 3)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_renames_decide_by_name_and_numbers_may_shift(framework: Framework) -> None:
    arrays = {
        f"xvector.block{i}.tdnnd{j}.weight": floats(3, i + 1, j + 1)
        for i in range(1, 4)
        for j in range(1, 3)
    }
    entries = [
        Entry(
            (name,),
            (f"blocks.{int(name[13]) - 1}.layers.{int(name[20]) - 1}.weight",),
            (Permute((0, 2, 1)),),
        )
        for name in arrays
    ]
    text = assert_printed_code_does_what_the_recipe_does(Recipe(tuple(entries)), arrays, framework)
    assert "blocks.{i - 1}.layers.{j - 1}.weight" in text


def test_numbers_that_follow_no_rule_stay_apart() -> None:
    entries = [Entry((f"a.{i}",), (f"b.{(i * i) % 7}",)) for i in range(1, 4)]
    groups = fold_entries(entries)
    assert [group.sources for group in groups] == [("a.1",), ("a.2",), ("a.3",)]


def test_names_with_braces_and_quotes_survive() -> None:
    arrays = {f"o'dd{{x}}.{i}": floats(2, 3) for i in range(3)}
    recipe = Recipe(tuple(Entry((name,), ("new." + name,), (Permute((1, 0)),)) for name in arrays))
    assert_printed_code_does_what_the_recipe_does(recipe, arrays, "torch")


def test_nothing_to_do_is_said() -> None:
    arrays = {"a": floats(2)}
    text = Recipe.identity(Checkpoint.of(arrays)).code("torch")
    weights = to_framework(arrays, "torch")
    assert run(text, "torch", weights) is weights
    assert "nothing to do" in text


def test_what_a_framework_cannot_say_is_refused() -> None:
    with pytest.raises(RecipeError, match="byteswap cannot be printed"):
        Recipe((Entry(("a",), ("b",), (Byteswap(),), ((2,),)),)).code("mlx")
    with pytest.raises(RecipeError, match="no such dtype"):
        Recipe((Entry(("a",), ("b",), (Cast("float8_e5m2", "float32"),), ((2,),)),)).code("mlx")


def test_the_torch_loader_loads_a_module(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Conv1d(3, 5, 4)
    stored = {
        "weight": module.weight.detach().permute(0, 2, 1).contiguous().numpy(),
        "bias": module.bias.detach().numpy(),
    }
    recipe = Recipe(
        (Entry(("weight",), ("weight",), (Permute((0, 2, 1)),)), Entry(("bias",), ("bias",)))
    )
    text = recipe.bind(Checkpoint.of(stored)).code("torch")
    path = tmp_path / "w.pt"
    torch.save({name: torch.from_numpy(array) for name, array in stored.items()}, path)
    space: dict[str, Any] = {}
    exec(compile(text, "printed.py", "exec"), space)
    fresh = space["load"](torch.nn.Conv1d(3, 5, 4), path)
    assert torch.equal(fresh.weight, module.weight)


def test_bfloat16_is_printed_as_its_own_name() -> None:
    recipe = Recipe((Entry(("a",), ("b",), (Cast("bfloat16", "float32"),), ((2,),)),))
    mx = pytest.importorskip("mlx.core")
    result = run(recipe.code("mlx"), "mlx", {"a": mx.array([1.0, 2.0])})
    assert result["b"].dtype == mx.bfloat16
    assert dtype_of("bfloat16").name == "bfloat16"
