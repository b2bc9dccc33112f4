"""Alignment by names and shapes: prefixes, renames, weight-norm variants, layouts; every tensor in one place."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.align.naming import (
    collect_slots,
    find_weight_norm_pair,
    measure_similarity,
    split_prefix,
)
from auscult.align.records import WeightAlignment
from auscult.align.structure import align_structure
from auscult.facts.words import list_index_contexts, split_indices
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.permute import Permute
from auscult.verdict import Equality
from auscult.weights import Checkpoint, ModuleInfo, Shape
from tests.rules.models import (
    code,
    empty,
    hifigan_shapes,
    streamspeech94_shapes,
    streamspeech394_shapes,
)


def names(alignment: WeightAlignment) -> dict[str, str]:
    return {a: b for match in alignment.matches for a, b in zip(match.a, match.b, strict=False)}


def assert_everything_once(alignment: WeightAlignment, a: Checkpoint, b: Checkpoint) -> None:
    left = [name for match in alignment.matches for name in match.a] + list(alignment.only_in_a)
    right = [name for match in alignment.matches for name in match.b] + list(alignment.only_in_b)
    assert sorted(left) == sorted(a)
    assert sorted(right) == sorted(b)


def test_the_94_tensors_against_the_394() -> None:
    file = empty({f"generator.{name}": shape for name, shape in streamspeech94_shapes().items()})
    model = empty(streamspeech394_shapes())
    alignment = align_structure(file, model)
    assert_everything_once(alignment, file, model)
    assert {k: v for k, v in alignment.coverage().buckets.items() if v} == {
        "identical": 64,
        "different": 30,
        "only_in_b": 300,
    }
    different = [match for match in alignment.matches if match.equality is Equality.DIFFERENT]
    assert {"shape_a": [512, 512, 5], "shape_b": [512, 128, 3]}.items() <= next(
        match for match in different if match.b == ("mrfs.0.convs.1.conv1.weight",)
    ).evidence.items()


@pytest.mark.parametrize(
    "head", ["generator.", "module.", "_orig_mod.", "model.model.", "decoder.estimator."]
)
def test_a_prefix_on_either_side(head: str) -> None:
    shapes = hifigan_shapes()
    longer = empty({head + name: shape for name, shape in shapes.items()})
    assert names(align_structure(longer, empty(shapes))) == {head + name: name for name in shapes}
    assert names(align_structure(empty(shapes), longer)) == {name: head + name for name in shapes}


def test_one_prefix_for_another() -> None:
    shapes = {
        "norm.weight": (8,),
        "block.0.conv.weight": (8, 8, 3),
        "block.1.conv.weight": (8, 8, 3),
    }
    a = empty({f"decoder.estimator.{name}": shape for name, shape in shapes.items()})
    b = empty({f"decoder.{name}": shape for name, shape in shapes.items()})
    assert names(align_structure(a, b)) == {
        f"decoder.estimator.{name}": f"decoder.{name}" for name in shapes
    }


PORT = (
    (r"encoders\.(\d+)", r"encoders_\1"),
    (r"attn1\.to_([qkv])", r"attn.\1_proj"),
    (r"attn1\.to_out\.0", "attn.out_proj"),
)
WORDS = {"q": "query", "k": "key", "v": "value"}


def test_renames_of_a_port() -> None:
    shapes: dict[str, Shape] = {}
    for layer in range(3):
        for part in ("to_q", "to_k", "to_v"):
            shapes[f"encoders.{layer}.attn1.{part}.weight"] = (16, 16)
        shapes[f"encoders.{layer}.attn1.to_out.0.weight"] = (16, 16)
        shapes[f"encoders.{layer}.attn1.to_out.0.bias"] = (16,)
        shapes[f"encoders.{layer}.ff.net.0.proj.weight"] = (64, 16)
    wanted = {name: _ported(name) for name in shapes}
    assert len({*wanted.values()} - {*wanted}) == 18
    found = names(
        align_structure(
            empty(shapes), empty({wanted[name]: shape for name, shape in shapes.items()})
        )
    )
    assert found == wanted


def _ported(name: str) -> str:
    for old, new in PORT:
        name = re.sub(old, new, name)
    return re.sub(r"\.([qkv])_proj", lambda found: f".{WORDS[found[1]]}_proj", name)


def test_indices_that_skip_pair_in_order() -> None:
    a = empty({f"condnet.{index}.weight": (8, 8, 3) for index in (0, 2, 4)})
    b = empty({f"cond_net.{index}.weight": (8, 8, 3) for index in (0, 1, 2)})
    assert names(align_structure(a, b)) == {
        f"condnet.{2 * i}.weight": f"cond_net.{i}.weight" for i in range(3)
    }


def test_modules_that_are_nested_in_another_way() -> None:
    """Chatterbox's decoder in torch and in mlx-audio: Sequential indices on one side, names on the other."""
    torch_names = {
        "mid_blocks.0.0.block1.block.0.weight": "mid_blocks_0.resnet.block1.conv.conv.weight",
        "mid_blocks.0.0.block1.block.0.bias": "mid_blocks_0.resnet.block1.conv.conv.bias",
        "mid_blocks.0.0.block1.block.2.weight": "mid_blocks_0.resnet.block1.norm.weight",
        "mid_blocks.0.0.block1.block.2.bias": "mid_blocks_0.resnet.block1.norm.bias",
        "mid_blocks.0.1.0.ff.net.0.proj.weight": "mid_blocks_0.transformer_0.ff.layers.0.weight",
        "mid_blocks.0.1.0.ff.net.0.proj.bias": "mid_blocks_0.transformer_0.ff.layers.0.bias",
        "mid_blocks.0.1.0.ff.net.2.weight": "mid_blocks_0.transformer_0.ff.layers.1.weight",
        "mid_blocks.0.1.0.ff.net.2.bias": "mid_blocks_0.transformer_0.ff.layers.1.bias",
        "mid_blocks.0.1.1.ff.net.0.proj.weight": "mid_blocks_0.transformer_1.ff.layers.0.weight",
        "mid_blocks.0.1.1.ff.net.2.weight": "mid_blocks_0.transformer_1.ff.layers.1.weight",
    }
    sides = {
        "block.0.weight": (16, 16, 3),
        "proj.weight": (64, 16),
        "net.2.weight": (16, 64),
        "proj.bias": (64,),
    }
    shapes = {
        name: next((shape for end, shape in sides.items() if name.endswith(end)), (16,))
        for name in torch_names
    }
    a, b = empty(shapes), empty({torch_names[name]: shape for name, shape in shapes.items()})
    assert names(align_structure(a, b)) == torch_names


def test_what_names_and_shapes_cannot_tell_stays_open() -> None:
    a, b = empty({"alpha": (8, 8), "beta_": (8, 8)}), empty({"one": (8, 8), "two": (8, 8)})
    alignment = align_structure(a, b)
    assert alignment.matches == ()
    assert alignment.only_in_a == ("alpha", "beta_")


@pytest.mark.parametrize("style", ["old", "new"])
def test_weight_norm_against_fused(style: str) -> None:
    g, v = {
        "old": ("weight_g", "weight_v"),
        "new": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    }[style]
    a = empty({f"ups.0.{g}": (8, 1, 1), f"ups.0.{v}": (8, 4, 16), "ups.0.bias": (4,)})
    b = empty({"ups.0.weight": (8, 4, 16), "ups.0.bias": (4,)})
    match = next(match for match in align_structure(a, b).matches if len(match.a) == 2)
    assert match.a == (f"ups.0.{g}", f"ups.0.{v}")
    assert match.ops == (FuseWeightNorm(0),)
    assert match.equality is Equality.EXACT


def test_old_and_new_weight_norm_are_a_rename() -> None:
    a = empty({"x.weight_g": (8, 1, 1), "x.weight_v": (8, 4, 3)})
    b = empty(
        {
            "x.parametrizations.weight.original0": (8, 1, 1),
            "x.parametrizations.weight.original1": (8, 4, 3),
        }
    )
    assert names(align_structure(a, b)) == {
        "x.weight_g": "x.parametrizations.weight.original0",
        "x.weight_v": "x.parametrizations.weight.original1",
    }


def test_spectral_norm_is_not_weight_norm() -> None:
    shapes = {"x.weight_orig": (8, 4, 3), "x.weight_u": (8,), "x.weight_v": (12,)}
    assert [slot.form for slot in collect_slots(shapes)] == ["plain"] * 3
    a = empty(shapes)
    assert all(not match.ops for match in align_structure(a, empty(shapes)).matches)


def test_a_torch_file_against_mlx_code() -> None:
    """The square layers follow the layout that the others show; transposed convolutions are known by their module."""
    shapes = hifigan_shapes()
    transposed = {name for name in shapes if name.startswith("ups.") and len(shapes[name]) == 3}
    mlx = {
        n: tuple(s[axis] for axis in ((1, 2, 0) if n in transposed else (0, 2, 1)))
        if len(s) == 3
        else s
        for n, s in shapes.items()
    }
    modules = {
        n.removesuffix(".weight"): ModuleInfo(n, "ConvTranspose1d" if n in transposed else "Conv1d")
        for n in shapes
    }
    arrays = {name: np.zeros(shape, np.float32) for name, shape in mlx.items()}
    alignment = align_structure(empty(shapes), code(arrays, framework="mlx", modules=modules))
    for match in alignment.matches:
        expected = (Permute((1, 2, 0)),) if match.a[0] in transposed else (Permute((0, 2, 1)),)
        assert match.ops == (expected if len(shapes[match.a[0]]) == 3 else ()), match.a
        assert match.equality is Equality.EXACT


@given(
    st.dictionaries(
        st.lists(st.sampled_from("abcde"), min_size=1, max_size=4).map(".".join),
        st.lists(st.integers(1, 4), max_size=3).map(tuple),
        max_size=12,
    ),
    st.dictionaries(
        st.lists(st.sampled_from("abcde"), min_size=1, max_size=4).map(".".join),
        st.lists(st.integers(1, 4), max_size=3).map(tuple),
        max_size=12,
    ),
)
@settings(max_examples=60, deadline=None)
def test_every_tensor_ends_in_one_place(left: dict[str, Shape], right: dict[str, Shape]) -> None:
    a, b = empty(left), empty(right)
    alignment = align_structure(a, b)
    assert_everything_once(alignment, a, b)
    assert {name: name for name in left if name in right}.items() <= names(alignment).items()


def test_names() -> None:
    assert split_indices("encoders_3.ff.0.weight") == ("encoders_*.ff.*.weight", (3, 0))
    assert split_indices("block1.tdnnd2.weight") == ("block1.tdnnd2.weight", ())
    assert split_indices("block1.tdnnd2.weight", every_digit=True) == (
        "block*.tdnnd*.weight",
        (1, 2),
    )
    assert list_index_contexts("layers.3.ff.weight") == (("layers.", 3, ".ff.weight"),)
    assert split_prefix("generator.ups.0.weight", "ups.0.weight") == ("generator.", "")
    assert measure_similarity("attn1.to_q.weight", "attn.query_proj.weight") > measure_similarity(
        "attn1.to_q.weight", "attn.key_proj.weight"
    )
    pair = find_weight_norm_pair("ups.0.parametrizations.weight.original1")
    assert pair is not None
    assert pair.stem == "ups.0.weight"
