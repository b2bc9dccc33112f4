"""Recipes: applied lazily, inverted, joined, saved and proven."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.errors import RecipeError
from auscult.recipe import Entry, Recipe, from_entries
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.drop import Drop
from auscult.recipe.ops.flip import Flip
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.permute import Permute
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.split import Split
from auscult.recipe.ops.sum import Sum
from auscult.verdict import Equality
from auscult.weights import Array, Checkpoint


def arrays() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {
        "up.weight_g": rng.standard_normal((4, 1, 1)).astype(np.float32),
        "up.weight_v": rng.standard_normal((4, 2, 3)).astype(np.float32),
        "qkv": rng.standard_normal((6, 4)).astype(np.float32),
        "bias": rng.standard_normal(6).astype(np.float16),
        "counter": np.array(7),
    }


RECIPE = Recipe(
    (
        Entry(
            ("up.weight_g", "up.weight_v"), ("up.weight",), (FuseWeightNorm(0), Permute((1, 2, 0)))
        ),
        Entry(("qkv",), ("q", "k", "v"), (Split(0, (2, 2, 2)), Flip(1))),
        Entry(("bias",), ("b",)),
        Entry(("counter",), (), (Drop((), "int64", 7),)),
        Entry((), ("extra",), (Constant((2,), "float32", 1.5),)),
    )
)


def contents(checkpoint: Checkpoint) -> dict[str, tuple[str, list[Any]]]:
    return {name: (tensor.dtype, tensor.numpy().tolist()) for name, tensor in checkpoint.items()}


def test_apply_gives_names_shapes_dtypes_without_reading_and_values_when_read() -> None:
    source = Checkpoint.of(arrays())
    target = RECIPE.apply(source)
    assert list(target) == ["up.weight", "q", "k", "v", "b", "extra"]
    assert [tensor.shape for tensor in target.values()] == [
        (2, 3, 4),
        (2, 4),
        (2, 4),
        (2, 4),
        (6,),
        (2,),
    ]
    for name, tensor in target.items():
        array = tensor.numpy()
        assert (array.shape, array.dtype.name, array.nbytes) == (
            tensor.shape,
            tensor.dtype,
            tensor.nbytes,
        ), name
        np.testing.assert_array_equal(tensor.flat(1, 3), array.reshape(-1)[1:3])
    np.testing.assert_array_equal(target["k"].numpy(), arrays()["qkv"][2:4, ::-1])
    assert target["b"].data is source["bias"].data


def test_reading_holds_one_entry_at_a_time() -> None:
    reads: list[str] = []

    class Watched:
        def __init__(self, name: str, array: Array) -> None:
            self.name, self.values = name, array

        def array(self) -> Array:
            reads.append(self.name)
            return self.values

        def flat(self, start: int, stop: int) -> Array:  # noqa: ARG002
            raise AssertionError

    source = Checkpoint.of(arrays())
    for name, tensor in source.items():
        object.__setattr__(tensor, "data", Watched(name, tensor.numpy()))
    target = RECIPE.apply(source)
    assert reads == []
    for name in ("q", "k", "v"):
        target[name].numpy()
    assert reads == ["qkv"], "a split is computed once for its three parts"


def test_invert_undoes() -> None:
    recipe = Recipe(tuple(entry for entry in RECIPE.entries if entry.lossless))
    source = Checkpoint.of({name: arrays()[name] for name in recipe.source_names})
    back = recipe.invert().apply(recipe.apply(source))
    assert contents(back) == contents(source)
    assert recipe.invert().invert() == recipe


def test_an_entry_without_inverse_says_where_and_what_is_lost() -> None:
    recipe = Recipe((Entry(("a", "b"), ("c",), (Sum(2),)),))
    with pytest.raises(RecipeError, match=r"a, b -> c \(sum\).*summands cannot be told"):
        recipe.invert()


def test_json_round_trip(tmp_path: Path) -> None:
    bound = RECIPE.bind(Checkpoint.of(arrays()))
    assert Recipe.from_json(json.loads(json.dumps(bound.to_json()))) == bound
    bound.save(tmp_path / "r.json")
    assert Recipe.load(tmp_path / "r.json") == bound


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a recipe"),
        ('{"auscult_recipe": 99, "entries": []}', "later auscult"),
        ('{"auscult_recipe": 1, "entries": [{"sources": ["a"]}]}', "not a recipe entry"),
        ('{"auscult_recipe": 1, "entries": [{"sources": "ab", "targets": ["a"]}]}', "one string"),
        ('{"auscult_recipe": 1, "rest": "x", "entries": []}', "unknown rest"),
        (
            '{"auscult_recipe": 1, "entries": [{"sources": ["a"], "targets": ["b"], "ops": [{"op": "eval"}]}]}',
            "unknown operation",
        ),
    ],
)
def test_a_damaged_recipe_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(RecipeError, match=words):
        Recipe.load(path)


def test_every_tensor_must_be_accounted_for() -> None:
    source = Checkpoint.of(arrays())
    with pytest.raises(RecipeError, match="does not say what becomes"):
        Recipe((Entry(("bias",), ("b",)),)).apply(source)
    with pytest.raises(RecipeError, match="does not have"):
        Recipe((Entry(("nope",), ("b",)),), "keep").apply(source)
    with pytest.raises(RecipeError, match="writes over"):
        Recipe((Entry(("bias",), ("qkv",)),), "keep").apply(source)
    with pytest.raises(RecipeError, match="targets twice"):
        Recipe((Entry(("a",), ("x",)), Entry(("b",), ("x",))))
    kept = from_entries([{"sources": ["bias"], "targets": ["b"]}]).apply(source)
    assert set(kept) == {"b", *source} - {"bias"}


def test_prove_counts_every_tensor_and_says_how_equal() -> None:
    proof = RECIPE.prove(Checkpoint.of(arrays()))
    assert proof.require() is proof
    assert [item.equality for item in proof.entries] == [Equality.CLOSE, *[Equality.EXACT] * 4]
    assert dict(proof.coverage().buckets) == {
        "identical": 1, "equivalent": 1, "close": 2, "different": 0, "dropped": 1, "added": 1,
    }  # fmt: skip


def test_prove_finds_what_does_not_come_back() -> None:
    source = Checkpoint.of({"w": np.array([1.0, 1e9], np.float32)})
    proof = Recipe((Entry(("w",), ("w",), (Cast("float16", "float32"),)),)).prove(source)
    assert not proof.holds
    with pytest.raises(RecipeError, match="did not survive its round trip"):
        proof.require()


def test_prove_looks_at_the_data_and_not_at_a_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Flip, arrays: list[Array]) -> list[Array]:
        return [array.copy() * 2 for array in arrays]

    monkeypatch.setattr(Flip, "apply", broken)
    source = Checkpoint.of({"w": np.ones(3, np.float32)})
    assert not Recipe((Entry(("w",), ("w",), (Flip(0),)),)).prove(source).holds


def test_compose_joins_entries_through_the_names_between() -> None:
    source = Checkpoint.of(arrays())
    then = Recipe(
        (
            Entry(("v", "q"), ("vq",), (Concat(0, (2, 2)),)),
            Entry(("k",), ("key",), (Permute((1, 0)),)),
            Entry(("up.weight",), ("up",), (Permute((2, 0, 1)),)),
            Entry(("b",), ("bias",), (ReorderBlocks(0, (1, 0)),)),
            Entry(("extra",), ("extra",)),
        )
    )
    joined = RECIPE.compose(then)
    assert contents(joined.apply(source)) == contents(then.apply(RECIPE.apply(source)))
    assert joined.entries[0].sources == ("qkv",)
    assert [op.op for entry in joined.entries for op in entry.ops if entry.targets == ("up",)] == [
        "fuse_weight_norm"
    ]
    assert Recipe.from_json(joined.to_json()) == joined


def test_compose_refuses_recipes_that_do_not_meet() -> None:
    with pytest.raises(RecipeError, match="leaves out"):
        RECIPE.compose(Recipe((Entry(("b",), ("b",)),)))
    with pytest.raises(RecipeError, match="does not give"):
        RECIPE.compose(Recipe((Entry(("nope",), ("b",)),), "keep"))


@given(st.data())
def test_random_recipes_compose_invert_and_prove(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    source = Checkpoint.of(
        {
            f"t{i}": np.random.default_rng(i).integers(0, 99, (2, 3, 4)).astype(np.int32)
            for i in range(count)
        }
    )

    def random_recipe(names: list[str], shapes: dict[str, tuple[int, ...]], prefix: str) -> Recipe:
        entries: list[Entry] = []
        order = data.draw(st.permutations(names))
        while order:
            name, *order = order
            kind = data.draw(st.sampled_from(["same", "permute", "split", "concat", "flip"]))
            new = f"{prefix}{len(entries)}"
            if kind == "permute":
                axes = tuple(data.draw(st.permutations(range(3))))
                entries.append(Entry((name,), (new,), (Permute(axes),)))
            elif kind == "split" and shapes[name][0] > 1:
                entries.append(
                    Entry((name,), (new + "a", new + "b"), (Split(0, (1, shapes[name][0] - 1)),))
                )
            elif kind == "concat" and order and shapes[order[0]][1:] == shapes[name][1:]:
                other, *order = order
                entries.append(
                    Entry((name, other), (new,), (Concat(0, (shapes[name][0], shapes[other][0])),))
                )
            else:
                entries.append(Entry((name,), (new,), (Flip(1),) if kind == "flip" else ()))
        return Recipe(tuple(entries))

    first = random_recipe(
        list(source), {name: tensor.shape for name, tensor in source.items()}, "x"
    )
    middle = first.apply(source)
    second = random_recipe(
        list(middle), {name: tensor.shape for name, tensor in middle.items()}, "y"
    )
    joined = first.compose(second)
    target = second.apply(middle)
    got = joined.apply(source)
    assert contents(got) == contents(target)
    assert contents(joined.invert().apply(got)) == contents(source)
    assert joined.prove(source).require().coverage().total == count
