"""A table whose rows or columns are in another order; equal, rounded and other tables are no alarm."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.rules.diff.evidence.row_order import find_slice_order
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Array, Checkpoint
from tests.rules.models import filled, hifigan

NAME = "encoder.pos_embed"
TABLE = filled({NAME: (60, 16)})[NAME]
HALVES = [*range(0, 16, 2), *range(1, 16, 2)]


def run(table: Array) -> Report:
    good = hifigan() | {NAME: TABLE}
    return diff(Checkpoint.of(good, "a"), Checkpoint.of(good | {NAME: table}, "b"))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (TABLE[::-1], "rows are there, reversed"),
        (np.roll(TABLE, -2, axis=0), "moved by 2"),
        (np.roll(TABLE, 1, axis=0), "moved by -1"),
        (TABLE[:, HALVES], "axis 1 are there, in parts"),
        (TABLE[:, np.argsort(HALVES)], "axis 1 are there, interleaved"),
        (TABLE[np.random.default_rng(0).permutation(60)], "shuffled"),
        (TABLE[::-1].astype(np.float16), "reversed"),
    ],
)
def test_another_order(table: Array, words: str) -> None:
    report = run(np.ascontiguousarray(table))
    finding = next(finding for finding in report.findings if finding.cause != "lossy")
    assert (finding.cause, finding.where) == ("rows-reordered", (NAME,))
    assert words in finding.message
    assert report.verdict is Verdict.DIVERGENT


def test_equal_rounded_and_other_tables() -> None:
    assert run(TABLE.copy()).verdict is Verdict.PASS
    assert run(TABLE.astype(np.float16)).verdict is Verdict.EQUIVALENT
    lost = TABLE[::-1].copy()
    lost[7] = lost[8]
    for table in (filled({NAME: (60, 16)}, 5)[NAME], lost):
        assert "rows-reordered" not in [finding.cause for finding in run(table).findings]


def test_rows_that_repeat_show_no_order() -> None:
    assert find_slice_order(np.ones((8, 8)), np.ones((8, 8))) is None
