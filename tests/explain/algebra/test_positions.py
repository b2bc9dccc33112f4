"""Tables of positions: computed, and among the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.algebra.positions import PositionTable, iter_position_tables
from tests.explain.planted import draw, place


def test_a_computed_table() -> None:
    rows = PositionTable(None, 5, 4)(2)
    assert rows is not None
    np.testing.assert_allclose(rows[:, 0], np.sin(np.arange(2, 7)))


def test_a_learned_table_ends() -> None:
    table = PositionTable(draw(0, 8, 4), 5, 4)
    assert table(3) is not None
    assert table(4) is None
    assert table(-1) is None


def test_a_learned_table_is_found_among_the_weights() -> None:
    case = replace(place(draw(1, 1, 5, 4), draw(2, 1, 5, 4)), weights={"weight": draw(0, 8, 4)})
    tables = list(iter_position_tables(case, 5, 4))
    assert [table.rows is None for table in tables] == [True] * 6 + [False]
