"""Windows by their names."""

from __future__ import annotations

import numpy as np

from auscult.explain.searches.windows import make_window, name_window


def test_windows_have_the_usual_values() -> None:
    assert np.allclose(make_window("hann-symmetric", 16), np.hanning(16))
    assert np.allclose(make_window("hann", 16), np.hanning(17)[:-1])
    assert np.allclose(make_window("hamming-symmetric", 16), np.hamming(16))


def test_a_window_is_named() -> None:
    assert name_window(np.hanning(16).astype(np.float32)) == "hann-symmetric"
    assert name_window(np.ones(16)) == "none"
    assert name_window(np.linspace(0, 1, 16)) == "another"
