"""The two Hann windows against what other libraries and the textbook say."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.facts.windows import make_periodic_hann, make_symmetric_hann

SIZES = (2, 3, 16, 400, 1023, 2048)


@pytest.mark.parametrize("size", SIZES)
def test_the_periodic_window_is_the_symmetric_one_of_one_sample_more(size: int) -> None:
    np.testing.assert_allclose(
        make_periodic_hann(size), make_symmetric_hann(size + 1)[:-1], atol=1e-15
    )


@pytest.mark.parametrize("size", SIZES)
def test_both_windows_equal_those_of_scipy(size: int) -> None:
    windows = pytest.importorskip("scipy.signal.windows")
    np.testing.assert_allclose(make_periodic_hann(size), windows.hann(size, sym=False), atol=1e-15)
    np.testing.assert_allclose(make_symmetric_hann(size), windows.hann(size, sym=True), atol=1e-15)


def test_the_periodic_window_adds_up_to_one_at_half_its_length() -> None:
    window = make_periodic_hann(1024)
    np.testing.assert_allclose(window[:512] + window[512:], 1.0, atol=1e-15)


def test_the_symmetric_window_ends_at_zero() -> None:
    window = make_symmetric_hann(400)
    assert window[0] == window[-1] == 0.0
    assert window.max() == pytest.approx(1.0, abs=2e-5)
