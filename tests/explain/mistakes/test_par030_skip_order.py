"""A concatenation in another order."""

from __future__ import annotations

import numpy as np
import pytest

from tests.explain.planted import assert_explained, draw_even, place

A, B = draw_even(0, 2, 6, 40), draw_even(1, 2, 6, 40)


@pytest.mark.parametrize("context", [{"a": A, "b": B}, {}])
def test_two_parts_exchanged(context: dict[str, np.ndarray]) -> None:
    case = place(np.concatenate([A, B], 1), np.concatenate([B, A], 1), **context)
    assert_explained("skip-order", case)
