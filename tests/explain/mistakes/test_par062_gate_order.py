"""Gates in the order of ONNX."""

from __future__ import annotations

from tests.explain.mistakes.recurrent_cells import GRU, LSTM, X, run_gru, run_lstm
from tests.explain.planted import assert_explained, layer


def test_an_lstm() -> None:
    case = layer("LSTM", X, run_lstm(), run_lstm(order="iofg"), LSTM, batch_first=True)
    assert "i, o, f, g" in assert_explained("gate-order", case).says


def test_a_gru() -> None:
    case = layer("GRU", X, run_gru(), run_gru(order="zrn"), GRU, batch_first=True)
    assert "z, r, n" in assert_explained("gate-order", case).says
