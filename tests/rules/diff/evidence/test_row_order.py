"""Rows in another order."""

from __future__ import annotations

import numpy as np

from auscult.rules.diff.evidence.row_order import SliceOrder, find_slice_order


def test_finds_the_order_along_either_axis() -> None:
    reference = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    rows, columns = (2, 0, 1, 5, 4, 3), (7, 6, 5, 4, 3, 2, 1, 0)
    assert find_slice_order(reference[list(rows)], reference) == SliceOrder(0, rows)
    assert find_slice_order(reference[:, ::-1], reference) == SliceOrder(1, columns)


def test_equal_first_values_are_no_order() -> None:
    reference = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    candidate = reference[::-1].copy()
    candidate[2, 3] += 1
    assert find_slice_order(candidate, reference) is None
    assert find_slice_order(reference + 1, reference) is None
