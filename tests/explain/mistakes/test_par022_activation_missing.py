"""A tanh that is left out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.explain.planted import assert_explained, draw, place

X = draw(0, 2, 6, 40)


@pytest.mark.parametrize("context", [{"x": X}, {}])
def test_no_tanh(context: dict[str, np.ndarray]) -> None:
    first = assert_explained("activation-missing", place(np.tanh(X), X, **context))
    assert first.says == "the reference applies tanh, the candidate nothing"
