"""A kernel that runs backwards."""

from __future__ import annotations

from auscult.explain.algebra.layers import conv1d
from tests.explain.planted import assert_explained, draw, layer


def test_a_reversed_kernel() -> None:
    x, weight = draw(0, 1, 4, 40), draw(1, 6, 4, 3)
    case = layer("Conv1d", x, conv1d(x, weight), conv1d(x, weight[..., ::-1]), {"weight": weight})
    assert_explained("kernel-flipped", case)
