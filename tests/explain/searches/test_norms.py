"""Conventions of a norm that differ."""

from __future__ import annotations

from auscult.explain.algebra.layers import normalise_axes
from auscult.explain.searches.norms import find_norm_differences
from tests.explain.planted import FLOOR, draw, layer


def test_the_fields_that_differ() -> None:
    x, gain = draw(0, 2, 9, 8) + 1, draw(1, 8)
    reference, candidate = (
        gain * normalise_axes(x, (2,), 1e-5, centre=centre) for centre in (True, False)
    )
    case = layer("LayerNorm", x, reference, candidate, {"weight": gain})
    differences = find_norm_differences(case, FLOOR)
    assert frozenset({"kind"}) in {difference.unequal for difference in differences}
    assert not any(difference.is_eps_only for difference in differences)


def test_other_layers_are_not_read() -> None:
    x = draw(0, 2, 9, 8)
    assert find_norm_differences(layer("Linear", x, x, 2 * x, {"weight": x}), FLOOR) == ()
