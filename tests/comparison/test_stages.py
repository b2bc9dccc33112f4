"""Stages: found by name, judged by their own error and by what is left without them."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.comparison.align.layers import align_layers
from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.measure.floor import floor_from_error
from auscult.comparison.stages import (
    StageJudge,
    StageResult,
    find_stage_pairs,
    is_in_guilty_stage,
)
from auscult.errors import UsageError
from tests.comparison.locate.test_forced import TwoLayers, X, as_runner, run_tree
from tests.hand_made import make_noise, make_tree

TREE = make_tree([("enc.conv", make_noise(3)), ("dec.conv", make_noise(3)), ("", make_noise(3))])


def test_stages_are_found_by_path_or_by_the_last_part_of_it() -> None:
    alignment = align_layers(TREE.trace, TREE.trace)
    assert [pair.a for pair in find_stage_pairs(["enc.conv", ""], TREE, alignment)] == [
        "enc.conv",
        "",
    ]
    with pytest.raises(UsageError, match="names 2 modules"):
        find_stage_pairs(["conv"], TREE, alignment)
    with pytest.raises(UsageError, match="no module of the reference"):
        find_stage_pairs(["vocoder"], TREE, alignment)
    with pytest.raises(UsageError, match="aligned with no module"):
        find_stage_pairs(["enc.conv"], TREE, LayerAlignment(()))


def test_the_wrong_stage_is_guilty_and_the_error_goes_with_it() -> None:
    reference, candidate = TwoLayers(2, 3), TwoLayers(2, 4)
    ref, cand = run_tree(reference), run_tree(candidate)
    alignment = align_layers(ref.trace, cand.trace)
    judge = StageJudge(
        as_runner(candidate), {"input": X}, ref, cand, alignment, floor_from_error(1e-3)
    )
    right, wrong = judge.judge(find_stage_pairs(["a", "b"], ref, alignment))
    assert (right.path_ref, right.guilty) == ("a", False)
    assert wrong.guilty
    assert wrong.own == pytest.approx(1 / 3, rel=1e-5)
    assert right.left == pytest.approx(1 / 3, rel=1e-5)
    assert wrong.left is not None
    assert np.isclose(wrong.left, 0)


def test_layers_between_stages_are_looked_at_too() -> None:
    stages = [StageResult("enc", "enc", 0.0, 0.1, False), StageResult("dec", "dec", 0.1, 0.0, True)]
    assert [is_in_guilty_stage(path, stages) for path in ("enc.conv", "dec.conv", "post")] == [
        False,
        True,
        True,
    ]
    assert not is_in_guilty_stage("enc", stages)
    assert is_in_guilty_stage("encoder", stages)  # only begins with the same letters
