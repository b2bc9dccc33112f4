"""Every n-th channel as a group, as MLX takes them by default."""

from __future__ import annotations

from auscult.explain.algebra.layers import normalise_axes
from tests.explain.planted import assert_explained, draw, layer


def test_groups_of_every_second_channel() -> None:
    x = draw(0, 2, 8, 12) * draw(1, 8, 1) + draw(2, 8, 1)
    neighbours = normalise_axes(x.reshape(2, 2, 4, 12), (2, 3), 1e-5).reshape(x.shape)
    strided = normalise_axes(x.reshape(2, 4, 2, 12), (1, 3), 1e-5).reshape(x.shape)
    case = layer("GroupNorm", x, neighbours, strided, num_groups=2)
    assert "2 groups of strided channels" in assert_explained("group-norm-convention", case).says
