"""Weight norm that was just applied: v is the weight itself."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.align.records import Match
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm, compute_norm_except
from auscult.verbs.diff.diff import diff
from auscult.verdict import Equality, Verdict
from auscult.weights import Checkpoint
from tests.align.pairs import Arrays, aligned

OLD = ("weight_g", "weight_v")
NEW = ("parametrizations.weight.original0", "parametrizations.weight.original1")


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


def fused_layers() -> Arrays:
    """A convolution, a transposed one, and one of kernel 1 with one input channel, whose g and v have one shape."""
    return {
        "pre.weight": draw(8, 4, 3),
        "pre.bias": draw(8),
        "up.weight": draw(8, 6, 4),
        "post.weight": draw(8, 1, 1),
    }


def just_normed(fused: Arrays, names: tuple[str, str], gain: float = 1.0) -> Arrays:
    """As torch's `weight_norm(module)` leaves it: v is the weight, g its norm over all axes but the first."""
    result: Arrays = {}
    for name, array in fused.items():
        if name.endswith("bias"):
            result[name] = array
            continue
        stem = name.removesuffix("weight")
        norm = compute_norm_except(array, 0).astype(np.float32)
        result[stem + names[0]] = norm * np.float32(gain)
        result[stem + names[1]] = array
    return result


def joined(matches: tuple[Match, ...]) -> list[Match]:
    return [match for match in matches if max(len(match.a), len(match.b)) == 2]


@pytest.mark.parametrize("names", [OLD, NEW])
def test_the_fused_weight_is_g_and_v(names: tuple[str, str]) -> None:
    fused = fused_layers()
    split = just_normed(fused, names)
    result = aligned(split, fused)
    assert (result.only_in_a, result.only_in_b) == ((), ())
    assert [match.ops for match in joined(result.matches)] == [(FuseWeightNorm(0),)] * 3
    assert {match.equality for match in joined(result.matches)} <= {Equality.EXACT, Equality.CLOSE}
    for sides in ((split, fused), (fused, split)):
        report = diff(*map(Checkpoint.of, sides))
        assert report.verdict is Verdict.EQUIVALENT
        assert [finding.cause for finding in report.findings] == ["weight-norm-unfused"]


@pytest.mark.parametrize("names", [OLD, NEW])
def test_a_longer_v_changes_nothing(names: tuple[str, str]) -> None:
    fused = fused_layers()
    split = just_normed(fused, names)
    split |= {name: 2 * array for name, array in split.items() if name.endswith(names[1])}
    assert diff(Checkpoint.of(split), Checkpoint.of(fused)).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("names", [OLD, NEW])
def test_another_gain_is_another_weight(names: tuple[str, str]) -> None:
    """v alone equals the weight, and yet the layer computes with g·v/‖v‖."""
    fused = fused_layers()
    split = just_normed(fused, names, gain=1.01)
    for sides in ((split, fused), (fused, split)):
        report = diff(*map(Checkpoint.of, sides))
        assert report.verdict is Verdict.DIVERGENT
        assert report.findings[0].severity == "error"
        assert "weight-norm-swapped" not in {finding.cause for finding in report.findings}


def test_g_under_the_name_of_v_is_still_an_exchange() -> None:
    fused = fused_layers()
    report = diff(Checkpoint.of(just_normed(fused, (NEW[1], NEW[0]))), Checkpoint.of(fused))
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].cause == "weight-norm-swapped"


def test_two_files_of_weight_norm_are_compared_part_by_part() -> None:
    result = aligned(just_normed(fused_layers(), OLD), just_normed(fused_layers(), NEW))
    assert joined(result.matches) == []
    assert {match.equality for match in result.matches} == {Equality.EXACT}
