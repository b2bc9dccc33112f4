"""The recipe that an alignment amounts to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from auscult.align.records import Match, WeightAlignment
from auscult.errors import RecipeError
from auscult.recipe.from_alignment import recipe_from_alignment
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.permute import Permute
from auscult.verdict import Equality
from auscult.weights import Checkpoint

SOURCE = Checkpoint.of(
    {
        "g": np.ones((3, 1, 1), np.float32),
        "v": np.ones((3, 2, 4), np.float32),
        "emb": np.arange(6.0).reshape(2, 3),
        "step": np.array(3),
    }
)
FUSED = Match(
    ("g", "v"), ("w",), (FuseWeightNorm(0), Permute((0, 2, 1))), Equality.CLOSE, "content"
)
TIED = tuple(Match(("emb",), (name,), (), Equality.EXACT, "content") for name in ("emb", "head"))


def test_matches_become_entries_and_the_rest_is_dropped_by_name() -> None:
    recipe = recipe_from_alignment(WeightAlignment((FUSED, *TIED), ("step",), ()), SOURCE)
    target = recipe.apply(SOURCE)
    assert {name: tensor.shape for name, tensor in target.items()} == {
        "w": (3, 4, 2),
        "emb": (2, 3),
        "head": (2, 3),
    }
    np.testing.assert_array_equal(target["head"].numpy(), SOURCE["emb"].numpy())
    assert dict(recipe.prove(SOURCE).coverage().buckets)["dropped"] == 1


def test_anything_with_matches_will_do() -> None:
    @dataclass(frozen=True)
    class Bare:
        matches: tuple[Match, ...]

    assert recipe_from_alignment(Bare((FUSED,))).target_names == ("w",)


def test_a_match_that_differs_is_refused() -> None:
    different = Match(("emb",), ("emb",), (), Equality.DIFFERENT, "name")
    with pytest.raises(RecipeError, match=r"no operation makes equal.*emb against emb"):
        recipe_from_alignment(WeightAlignment((different,), (), ()), SOURCE)


def test_a_source_used_in_two_ways_is_refused() -> None:
    turned = Match(("emb",), ("t",), (Permute((1, 0)),), Equality.EXACT, "content")
    with pytest.raises(RecipeError, match="several ways"):
        recipe_from_alignment(WeightAlignment((TIED[0], turned), (), ()), SOURCE)
