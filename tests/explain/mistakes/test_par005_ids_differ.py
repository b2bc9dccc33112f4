"""Ids plus a number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.case import LayerCase
from auscult.weights import ModuleInfo
from tests.explain.planted import assert_explained

IDS = np.array([[5, 2, 9, 9, 3]])


def test_ids_counted_from_elsewhere() -> None:
    case = LayerCase("embed", ModuleInfo("embed", "Embedding"), IDS, IDS + 3, "input")
    one_other = IDS.copy()
    one_other[0, 2] = 1
    correct = replace(case, candidate=one_other)
    assert assert_explained("ids-differ", case, correct).parameters == {"offset": 3}
