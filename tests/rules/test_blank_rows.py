"""Blank rows: found against the original on either side, and by `inspect` alone; what may be blank by design is no error."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from auscult.finding import Finding, Severity
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Verdict
from auscult.weights import Checkpoint
from tests.rules.models import Arrays, filled

NAME = "text.embed_tokens.weight"
SHAPES = {NAME: (1200, 8), "codebook.embed.weight": (300, 8)} | {
    f"layers.{layer}.{part}.weight": (24, 16) for layer in range(4) for part in ("up", "gate")
}


def model(seed: int = 0) -> Arrays:
    return filled(SHAPES, seed)


def blank(rows: slice | list[int], name: str = NAME, value: float = 0.0) -> Arrays:
    arrays = model()
    arrays[name][rows] = value
    return arrays


def half(arrays: Arrays) -> Arrays:
    return {name: array.astype(np.float16) for name, array in arrays.items()}


SCATTERED = np.random.default_rng(1).choice(1200, 160, False).tolist()


@pytest.mark.parametrize("rows", [slice(300, 460), SCATTERED, slice(1000, 1200), slice(100, 101)])
@pytest.mark.parametrize("blank_side", ["candidate", "reference"])
def test_diff_finds_blank_rows_on_either_side(rows: slice | list[int], blank_side: str) -> None:
    damaged, whole = Checkpoint.of(half(blank(rows)), "bad"), Checkpoint.of(model(), "good")
    sides = (whole, damaged) if blank_side == "candidate" else (damaged, whole)
    report = diff(*sides)
    assert report.findings[0].cause == "corrupt"
    assert report.findings[0].where == (NAME,)
    assert report.findings[0].evidence["damage"][0]["side"] == blank_side
    assert report.verdict is Verdict.DIVERGENT


def test_diff_finds_blank_columns() -> None:
    bad = model()
    bad[NAME][:, 2:4] = 0
    finding = diff(Checkpoint.of(model(), "a"), Checkpoint.of(half(bad), "b")).findings[0]
    assert (finding.cause, finding.evidence["damage"][0]["axis"]) == ("corrupt", 1)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_rounded_weights_are_no_damage(dtype: type) -> None:
    rounded: Arrays = {name: array.astype(dtype) for name, array in model().items()}
    report = diff(Checkpoint.of(model(), "a"), Checkpoint.of(rounded, "b"))
    assert report.verdict is Verdict.EQUIVALENT


def test_a_fine_tune_that_wrote_the_padding_row_is_other_weights() -> None:
    original = blank([0])
    tuned = {name: 1.02 * array + 0.05 * model(3)[name] for name, array in model().items()}
    report = diff(Checkpoint.of(original, "a"), Checkpoint.of(tuned, "b"))
    assert "corrupt" not in [finding.cause for finding in report.findings]


def inspect_corrupt(arrays: Arrays, *, full: bool = False) -> Finding | None:
    findings = inspect(Checkpoint.of(arrays), full=full).findings
    return next((finding for finding in findings if finding.cause == "corrupt"), None)


@pytest.mark.parametrize("rows", [slice(300, 460), SCATTERED, slice(600, 620)])
def test_inspect_finds_blank_rows_by_default(rows: slice | list[int]) -> None:
    finding = inspect_corrupt(blank(rows))
    assert finding is not None
    assert finding.severity is Severity.ERROR
    assert finding.where == (NAME,)


def test_inspect_finds_rows_of_another_value() -> None:
    assert inspect_corrupt(blank(slice(300, 460), value=7.0)) is not None


def test_what_may_be_unused_is_a_warning() -> None:
    for arrays in (blank(slice(900, 1200)), blank(slice(40, 90), "codebook.embed.weight")):
        finding = inspect_corrupt(arrays)
        assert finding is not None
        assert finding.severity is Severity.WARNING


@pytest.mark.parametrize("rows", [[0], [5], [3, 90, 700], slice(1090, 1200), slice(0, 1200)])
def test_what_is_blank_by_design_is_not_damage(rows: slice | list[int]) -> None:
    assert inspect_corrupt(blank(rows)) is None


def test_trained_tables_are_healthy() -> None:
    assert [inspect_corrupt(model(seed), full=True) for seed in range(20)] == [None] * 20


def test_a_linear_that_is_called_an_embedding_is_no_table() -> None:
    arrays = blank(slice(300, 460)) | filled({NAME.replace("weight", "bias"): (1200,)})
    assert inspect_corrupt(arrays) is None


def test_a_stretch_of_a_weight_is_seen_in_full() -> None:
    finding = inspect_corrupt(filled({"up.weight": (64, 64)}) | model(), full=True)
    assert finding is None
    damaged = filled({"up.weight": (64, 64)})
    damaged["up.weight"][30:] = 0
    found = inspect(Checkpoint.of(damaged | model()), full=True).findings
    assert [finding.cause for finding in found] == ["corrupt"]
