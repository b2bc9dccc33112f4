"""Ids shifted by one number."""

from __future__ import annotations

import numpy as np

from auscult.explain.case import LayerCase
from auscult.explain.searches.ids import ConstantShift, find_constant_shift
from auscult.weights import Array, ModuleInfo
from tests.explain.planted import FLOOR


def find(reference: Array, candidate: Array) -> ConstantShift | None:
    info = ModuleInfo("embed", "Embedding")
    return find_constant_shift(LayerCase("embed", info, reference, candidate, "input"), FLOOR)


def test_positions_and_other_ids() -> None:
    positions, ids = np.arange(4, 9)[None], np.array([[5, 1, 1]])
    assert find(positions, positions - 2) == ConstantShift(-2, 4, is_rising=True)
    assert find(ids, ids + 1) == ConstantShift(1, 5, is_rising=False)
    assert find(ids, ids) is None
    assert find(ids, ids * 2) is None
