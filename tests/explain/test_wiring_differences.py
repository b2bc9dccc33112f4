"""Two expressions of one place: what of them differs."""

from __future__ import annotations

from auscult.explain.algebra.activations import Activation
from auscult.explain.algebra.expressions import Expression
from auscult.explain.wiring_differences import (
    WiringDifference,
    has_same_terms,
    is_replacement,
    is_residual_sum,
    lacks_summands,
)

IDENTITY = Activation("identity", lambda x: x)


def make_difference(reference: Expression, candidate: Expression) -> WiringDifference:
    return WiringDifference(reference, candidate, steps=1)


SUM = Expression(("a", "b"), "sum", IDENTITY)
ONLY_B = Expression(("b",), "one", IDENTITY)
OTHER_SUM = Expression(("a", "c"), "sum", IDENTITY)


def test_a_summand_that_is_left_out() -> None:
    difference = make_difference(SUM, ONLY_B)
    assert lacks_summands(difference)
    assert difference.missing_terms == {"a"}
    assert not is_replacement(difference)
    assert not lacks_summands(make_difference(ONLY_B, SUM))


def test_another_tensor_in_the_place_of_one() -> None:
    difference = make_difference(SUM, OTHER_SUM)
    assert is_replacement(difference)
    assert (difference.missing_terms, difference.extra_terms) == ({"b"}, {"c"})
    assert not has_same_terms(difference)
    assert not lacks_summands(difference)


def test_the_same_terms_in_another_order_are_no_replacement() -> None:
    difference = make_difference(SUM, Expression(("b", "a"), "sum", IDENTITY))
    assert has_same_terms(difference)
    assert not is_replacement(difference)


def test_a_residual_sum_has_two_terms() -> None:
    assert is_residual_sum(SUM)
    assert not is_residual_sum(ONLY_B)
    assert not is_residual_sum(Expression(("a", "b"), "mean", IDENTITY))
