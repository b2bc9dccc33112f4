"""Another tensor, and another vector that was cut to fit."""

from __future__ import annotations

from tests.explain.planted import assert_explained, draw_even, place

A, B, C = (draw_even(seed, 2, 6, 40) for seed in range(3))


def test_another_tensor() -> None:
    first = assert_explained("wiring", place(A, B, a=A, b=B, c=C))
    assert first.says == "it uses b where the reference uses a"


def test_another_vector_cut_to_fit() -> None:
    x_vector, voice = draw_even(3, 1, 24), draw_even(4, 1, 32)
    case = place(x_vector, voice[:, :24], x_vector=x_vector, voice=voice)
    assert "32 values, cut" in assert_explained("wiring", case).says
