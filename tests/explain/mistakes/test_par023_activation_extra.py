"""A tanh or a clamp too many."""

from __future__ import annotations

import numpy as np
import pytest

from tests.explain.planted import assert_explained, draw, place

X = draw(0, 2, 6, 40)


@pytest.mark.parametrize("context", [{"x": X}, {}])
def test_a_tanh_too_many(context: dict[str, np.ndarray]) -> None:
    first = assert_explained("activation-extra", place(X, np.tanh(X), **context))
    assert first.says == "it applies tanh where the reference applies nothing"


def test_a_clamp_whatever_its_limits() -> None:
    first = assert_explained("activation-extra", place(X, np.clip(X, -0.7, 1.2), x=X))
    assert first.parameters["candidate"] == "clamp(-0.7, 1.2)"
