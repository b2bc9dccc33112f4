"""A real port by names and shapes alone: Chatterbox's S3Gen in torch against mlx-audio's, 2182 tensors under other names.

The expected places are those that mlx-audio 0.6.2's own sanitize gives, as regex rules; the tokenizer is not in the port.
"""

from __future__ import annotations

import re

import pytest

from auscult.align.records import WeightAlignment
from auscult.align.structure import align_structure
from auscult.recipe.ops.permute import Permute
from auscult.verdict import Equality
from auscult.weights import Shape
from tests.families.published import shapes
from tests.rules.models import empty

# torch name -> mlx-audio name, first rule that fits wins within each stage
RULES = (
    (r"\.(down|mid|up)_blocks\.(\d+)\.0\.", r".\1_blocks_\2.resnet."),
    (r"\.(down|mid|up)_blocks\.(\d+)\.1\.(\d+)\.", r".\1_blocks_\2.transformer_\3."),
    (r"\.down_blocks\.(\d+)\.2\.", r".down_blocks_\1.downsample.conv."),
    (r"\.up_blocks\.(\d+)\.2\.", r".up_blocks_\1.upsample.conv."),
    (r"\.block\.0\.", ".conv.conv."),
    (r"\.block\.2\.", ".norm."),
    (r"\.mlp\.1\.", ".mlp_linear."),
    (r"\.attn1\.to_out\.0\.", ".attn.out_proj."),
    (r"\.attn1\.to_q\.", ".attn.query_proj."),
    (r"\.attn1\.to_k\.", ".attn.key_proj."),
    (r"\.attn1\.to_v\.", ".attn.value_proj."),
    (r"\.ff\.net\.0\.proj\.", ".ff.layers.0."),
    (r"\.ff\.net\.2\.", ".ff.layers.1."),
)


@pytest.fixture(scope="module")
def port() -> tuple[dict[str, Shape], dict[str, Shape], WeightAlignment]:
    torch = {
        name: shape
        for name, shape in shapes("chatterbox_s3gen").items()
        if not name.startswith("tokenizer")
    }
    mlx = {
        name: shape
        for name, shape in shapes("chatterbox_s3gen_mlx").items()
        if not name.startswith("tokenizer")
    }
    return torch, mlx, align_structure(empty(torch), empty(mlx))


def test_everything_that_the_port_has_is_found(
    port: tuple[dict[str, Shape], dict[str, Shape], WeightAlignment],
) -> None:
    _, mlx, alignment = port
    assert all(match.equality is Equality.EXACT for match in alignment.matches)
    assert {name.rpartition(".")[2] for name in alignment.only_in_a} == {"num_batches_tracked"}
    made_by_code = {"pe", "rand_noise", "stft_window", "trim_fade"}
    assert {name.rpartition(".")[2] for name in alignment.only_in_b} <= made_by_code
    assert len(mlx) - len(alignment.only_in_b) == len(alignment.matches)


def test_the_decoder_goes_where_the_port_puts_it(
    port: tuple[dict[str, Shape], dict[str, Shape], WeightAlignment],
) -> None:
    _, _, alignment = port
    checked = 0
    for match in alignment.matches:
        expected = match.a[0]
        if not expected.startswith("flow.decoder.estimator."):
            continue
        for old, new in RULES:
            expected = re.sub(old, new, expected)
        assert match.b == (expected,)
        checked += 1
    assert checked == 910


def test_all_347_layouts_where_a_shape_heuristic_errs_on_one(
    port: tuple[dict[str, Shape], dict[str, Shape], WeightAlignment],
) -> None:
    """ "shape[1] < shape[2] means MLX" is wrong about one tensor, whose kernel (30) is longer than its input is wide (18)."""
    _, mlx, alignment = port
    weights = [
        match
        for match in alignment.matches
        if len(mlx[match.b[0]]) == 3 and match.b[0].endswith("weight")
    ]
    assert len(weights) == 347
    for match in weights:
        transposed = re.fullmatch(r"mel2wav\.ups\.\d\.weight", match.b[0]) is not None
        assert Permute((1, 2, 0) if transposed else (0, 2, 1)) in match.ops, match.b
    assert [m.b[0] for m in weights if not mlx[m.b[0]][1] < mlx[m.b[0]][2]] == [
        "mel2wav.source_downs.0.weight"
    ]
