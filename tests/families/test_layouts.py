"""The layout of each of S3Gen's 347 three-dimensional weights: torch's, MLX's and mixed files, with and without a reference."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult import families
from auscult.align import align
from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.facts.layers import CONVOLUTION_TO_TORCH_AXES
from auscult.families._layouts import find_layouts, to_torch_layout
from auscult.families._plan import Plan, PlannedTensor, to_mlx_shape
from auscult.families.chatterbox_s3gen.config import Config, tiny
from auscult.families.chatterbox_s3gen.signature import plan
from auscult.recipe.ops.permute import Permute
from auscult.verbs.convert.convert import convert
from auscult.verbs.convert.plan import plan_for_framework
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Checkpoint, Shape

TRAP = "mel2wav.source_downs.0.weight"
"""(256, 18, 30): the kernel is longer than the input is wide."""
TO_MLX = {"conv1d": (0, 2, 1), "conv_transpose1d": (1, 2, 0), "conv2d": (0, 2, 3, 1)}


def three_dimensional(planned: Plan) -> list[str]:
    return [
        name
        for name, tensor in planned.items()
        if len(tensor.shape) == 3 and not name.startswith("tokenizer.")
    ]


def in_mlx(planned: Plan) -> dict[str, Shape]:
    return {
        name: to_mlx_shape(tensor) for name, tensor in planned.items() if tensor.kind != "counter"
    }


def by_longer_axis(shape: Shape) -> str:
    """The rule that the story's heuristic followed."""
    return "mlx" if shape[2] > shape[1] else "torch"


def hollow(shapes: dict[str, Shape]) -> Checkpoint:
    """A checkpoint of these shapes whose elements take no memory."""
    return Checkpoint.of(
        {name: np.broadcast_to(np.zeros((), np.float32), shape) for name, shape in shapes.items()}
    )


def test_there_are_347_and_three_are_transposed_convolutions() -> None:
    planned = plan(Config())
    names = three_dimensional(planned)
    assert len(names) == 347
    kinds = [planned[name].kind for name in names]
    assert (kinds.count("conv1d"), kinds.count("conv_transpose1d")) == (344, 3)


@pytest.mark.parametrize("layout", ["torch", "mlx"])
def test_every_layout_is_decided_without_a_reference(layout: str) -> None:
    planned = plan(Config())
    shapes = (
        in_mlx(planned)
        if layout == "mlx"
        else {name: tensor.shape for name, tensor in planned.items()}
    )
    decided = find_layouts(shapes, planned)
    names = three_dimensional(planned)
    assert {decided[name] for name in names} == {layout}
    assert families.detect_families(shapes)[0].layout == layout
    if layout == "mlx":  # what was taken for "346 MLX, 1 PyTorch", and then "repaired"
        assert [name for name in names if by_longer_axis(shapes[name]) == "torch"] == [TRAP]


@pytest.mark.parametrize("seed", range(10))
def test_mixed_files_are_decided_tensor_by_tensor(seed: int) -> None:
    planned, draw = plan(Config()), random.Random(seed)
    odd = set(draw.sample(three_dimensional(planned), draw.choice((1, 2, 50, 346))))
    shapes = {
        name: to_mlx_shape(tensor) if name in odd else tensor.shape
        for name, tensor in planned.items()
    }
    decided = find_layouts(shapes, planned)
    assert {name for name in three_dimensional(planned) if decided[name] == "mlx"} == odd


@pytest.mark.parametrize("source", ["torch", "mlx"])
def test_convert_moves_every_weight_and_no_other(source: str) -> None:
    planned = plan(Config())
    shapes = (
        in_mlx(planned)
        if source == "mlx"
        else {name: tensor.shape for name, tensor in planned.items()}
    )
    recipe = plan_for_framework(hollow(shapes), "torch" if source == "mlx" else "mlx", None).recipe
    moved = {
        entry.sources[0]: op.axes
        for entry in recipe.entries
        for op in entry.ops
        if isinstance(op, Permute)
    }
    axes = CONVOLUTION_TO_TORCH_AXES if source == "mlx" else TO_MLX
    wanted = {name: axes[tensor.kind] for name, tensor in planned.items() if tensor.kind in axes}
    assert moved == wanted
    assert len([name for name in three_dimensional(planned) if name in moved]) == 347


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """The thin model with values: torch's layout, MLX's, and one with two weights left in torch's."""
    planned, draw = plan(tiny()), np.random.default_rng(0)
    torch_side = {
        name: np.asarray(draw.normal(size=tensor.shape), np.float32)
        for name, tensor in planned.items()
        if tensor.kind != "counter" and not name.startswith("tokenizer.")
    }
    mlx_side = {
        name: np.ascontiguousarray(array.transpose(TO_MLX[planned[name].kind]))
        if planned[name].kind in TO_MLX
        else array
        for name, array in torch_side.items()
    }
    odd = {TRAP, "mel2wav.ups.1.weight"}
    mixed = {name: torch_side[name] if name in odd else array for name, array in mlx_side.items()}
    paths = {}
    for name, arrays in (("torch", torch_side), ("mlx", mlx_side), ("mixed", mixed)):
        paths[name] = tmp_path / f"{name}.npz"
        np.savez(paths[name], **arrays)  # type: ignore[arg-type]
    return {"paths": paths, "arrays": torch_side, "odd": odd, "plan": planned}


@pytest.mark.parametrize("side", ["mlx", "mixed"])
def test_values_decide_where_there_is_a_reference(
    side: str, files: dict[str, Any], tmp_path: Path
) -> None:
    paths, planned = files["paths"], files["plan"]
    report = diff(str(paths["torch"]), str(paths[side]))
    causes = {finding.cause: finding for finding in report.findings}
    if side == "mlx":
        assert report.verdict is Verdict.EQUIVALENT
        assert set(causes) == {"layout-conv1d", "layout-conv2d", "layout-conv-transpose1d"}
    else:
        assert report.verdict is Verdict.DIVERGENT
        assert report.findings[0].cause == "layout-mixed"
        assert set(causes["layout-mixed"].where) == files["odd"]
    alignment = align(open_checkpoint(paths[side]), open_checkpoint(paths["torch"]))
    assert not alignment.only_in_a
    assert not alignment.only_in_b
    convert(paths[side], tmp_path / "back.npz", like=str(paths["torch"]))
    back = open_checkpoint(tmp_path / "back.npz")
    for name, array in files["arrays"].items():
        assert np.array_equal(back[name].numpy(), array), (name, planned[name].kind)


@pytest.mark.parametrize("side", ["torch", "mlx", "mixed"])
def test_the_plan_settles_a_file_without_a_reference(side: str, files: dict[str, Any]) -> None:
    stored = {
        name: tensor.numpy() for name, tensor in open_checkpoint(files["paths"][side]).items()
    }
    settled = to_torch_layout(stored, files["plan"])
    assert all(np.array_equal(settled[name], array) for name, array in files["arrays"].items())


@pytest.mark.parametrize("kind", ["conv1d", "conv_transpose1d"])
def test_a_shape_that_fits_both_follows_the_others_and_is_refused_where_they_differ(
    kind: Any,
) -> None:
    square = (5, 5, 5) if kind == "conv_transpose1d" else (6, 5, 5)
    planned: Plan = {
        "a.weight": PlannedTensor((4, 3, 7), "conv1d"),
        "b.weight": PlannedTensor((3, 4, 8), "conv_transpose1d"),
        "square.weight": PlannedTensor(square, kind),
    }
    torch_side = {
        name: np.random.default_rng(1).normal(size=tensor.shape) for name, tensor in planned.items()
    }
    mlx_side = {
        name: array.transpose(TO_MLX[planned[name].kind]) for name, array in torch_side.items()
    }
    for side in (torch_side, mlx_side):
        settled = to_torch_layout(side, planned)
        assert all(np.array_equal(settled[name], array) for name, array in torch_side.items())
    with pytest.raises(CheckpointError, match=r"square\.weight.*both"):
        to_torch_layout({**torch_side, "a.weight": mlx_side["a.weight"]}, planned)
    with pytest.raises(CheckpointError, match=r"a\.weight.*fit"):
        to_torch_layout({**torch_side, "a.weight": np.zeros((7, 4, 3))}, planned)
