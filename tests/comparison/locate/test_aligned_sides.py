"""Two aligned runs without a live model behind them."""

from __future__ import annotations

import pytest

from auscult.comparison.locate.runs import (
    judge_stages,
    locate_forced,
    measure_local_floor,
)
from auscult.errors import UsageError
from tests.comparison.locate.test_runs import REF, WRONG, make_sides


def test_without_a_live_model_nothing_can_be_forced() -> None:
    sides = make_sides(WRONG)
    assert locate_forced(sides) is None
    assert measure_local_floor(sides, REF) is sides.floor
    with pytest.raises(UsageError, match="needs a live candidate"):
        judge_stages(sides, ["a"])
