"""A layer norm in the linear layers behind it, as graph converters write it."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.recipe.ops.fold_layer_norm import FoldLayerNorm
from auscult.verbs.diff.diff import diff
from auscult.verdict import Equality, Report, Verdict
from auscult.weights import Checkpoint
from tests.align.pairs import Arrays, aligned

WIDTH = 16
HEADS = ("to_q", "to_k", "to_v")


def block(prefix: str, rng: np.random.Generator, *, shift: bool = True) -> Arrays:
    """A norm before query, key (without a bias) and value, and one before a projection."""
    result: Arrays = {f"{prefix}.norm1.weight": 1 + 0.3 * rng.standard_normal(WIDTH)}
    if shift:
        result[f"{prefix}.norm1.bias"] = rng.standard_normal(WIDTH)
    for head in HEADS:
        result[f"{prefix}.{head}.weight"] = rng.standard_normal((24, WIDTH))
        if head != "to_k":
            result[f"{prefix}.{head}.bias"] = rng.standard_normal(24)
    result[f"{prefix}.out.weight"] = rng.standard_normal((WIDTH, 24))
    return {name: array.astype(np.float32) for name, array in result.items()}


def model(*, shift: bool = True) -> Arrays:
    rng = np.random.default_rng(3)
    return block("layers.0", rng, shift=shift) | block("layers.1", rng, shift=shift)


def fold(arrays: Arrays) -> Arrays:
    """What a converter makes of the model: numbered constants, a weight before its bias."""
    result: Arrays = {}
    for layer in ("layers.0", "layers.1"):
        gain = arrays[f"{layer}.norm1.weight"].astype(np.float64)
        shift = arrays.get(f"{layer}.norm1.bias", np.zeros(WIDTH)).astype(np.float64)
        for head in HEADS:
            weight = arrays[f"{layer}.{head}.weight"].astype(np.float64)
            bias = arrays.get(f"{layer}.{head}.bias", np.zeros(24)).astype(np.float64)
            result[f"{layer}/{head}/w"] = (weight * gain).astype(np.float32)
            if (bias + weight @ shift).any():
                result[f"{layer}/{head}/b"] = (bias + weight @ shift).astype(np.float32)
        result[f"{layer}/out"] = arrays[f"{layer}.out.weight"]
    return {f"const_{number}": array for number, array in enumerate(result.values())}


def run(reference: Arrays, candidate: Arrays) -> Report:
    return diff(Checkpoint.of(reference), Checkpoint.of(candidate))


@pytest.mark.parametrize("shift", [True, False])
def test_every_layer_behind_the_norm_takes_it_in(*, shift: bool) -> None:
    whole = model(shift=shift)
    result = aligned(whole, fold(whole))
    assert (result.only_in_a, result.only_in_b) == ((), ())
    folds = [match for match in result.matches if match.cause == "norm-folded"]
    assert [{type(op) for op in match.ops} for match in folds] == [{FoldLayerNorm}] * 2
    assert {match.equality for match in folds} <= {Equality.EXACT, Equality.CLOSE}
    assert run(whole, fold(whole)).verdict is Verdict.EQUIVALENT
    assert run(fold(whole), whole).verdict is Verdict.EQUIVALENT


def test_rounded_and_transposed_it_is_still_found() -> None:
    whole = model()
    folded = {
        name: np.ascontiguousarray(array.astype(np.float16).T)
        for name, array in fold(whole).items()
    }
    assert run(whole, folded).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("part", ["norm1.weight", "norm1.bias", "to_q.bias"])
def test_another_norm_is_not_equal(part: str) -> None:
    """The shift of the folded side is 2 % larger in one place, or another gain was folded."""
    whole = model()
    other = {name: array.copy() for name, array in whole.items()}
    other[f"layers.1.{part}"][3] *= 1.02
    report = run(whole, fold(other))
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].severity == "error"


def test_a_shift_that_was_forgotten_is_not_equal() -> None:
    whole = model()
    without = {name: 0 * a if name.endswith("norm1.bias") else a for name, a in whole.items()}
    report = run(whole, fold(without))
    assert report.verdict is Verdict.DIVERGENT


def test_a_wrong_shift_is_said_beside_the_fold() -> None:
    """The weights hold the norm, and the biases another shift: the layers belong together and differ."""
    whole = model()
    other = {name: array.copy() for name, array in whole.items()}
    other["layers.0.norm1.bias"] *= 1.5
    named = {f"layers.{n}": a for n, a in fold(other).items()}
    report = run(whole, named)
    assert report.verdict is Verdict.DIVERGENT
    assert {finding.severity for finding in report.findings[:1]} == {"error"}
