"""A branch of three that is not added, and zeros in a concatenation."""

from __future__ import annotations

import numpy as np

from tests.explain.planted import assert_explained, draw, place

A, B, C = (draw(seed, 2, 6, 40) for seed in range(3))


def test_two_branches_of_three() -> None:
    first = assert_explained("branch-missing", place(A + B + C, A + C, a=A, b=B, c=C))
    assert first.says == "it does not add b"


def test_zeros_in_place_of_a_part() -> None:
    zeros = np.concatenate([A, np.zeros_like(B), C], 1)
    first = assert_explained(
        "branch-missing", place(np.concatenate([A, B, C], 1), zeros, a=A, b=B, c=C)
    )
    assert first.parameters == {"lost": "b"}
