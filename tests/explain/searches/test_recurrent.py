"""A recurrent layer read from its weights, and run otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.searches.recurrent import read_layers, read_recurrent, run_layers
from tests.explain.mistakes.recurrent_cells import GRU, LSTM, X, run_gru, run_lstm
from tests.explain.planted import FLOOR, layer


def test_the_usual_cell_is_the_textbook_s() -> None:
    for weights, expected in ((GRU, run_gru()), (LSTM, run_lstm())):
        trial = read_recurrent(
            layer("RNN", X, expected, expected, weights, batch_first=True), FLOOR
        )
        assert trial is not None
        np.testing.assert_allclose(
            run_layers(trial.usual, trial.layers, X), expected, rtol=1e-5, atol=1e-6
        )


def test_time_comes_first_by_default_in_torch() -> None:
    output = run_gru()
    case = layer("GRU", X.swapaxes(0, 1), output.swapaxes(0, 1), output.swapaxes(0, 1), GRU)
    assert read_recurrent(case, FLOOR) is not None


def test_two_directions_are_not_read() -> None:
    assert read_layers({**GRU, "weight_ih_l0_reverse": GRU["weight_ih_l0"]}) is None
    output = run_gru()
    case = layer("GRU", X, output, output, GRU, batch_first=True)
    assert read_recurrent(replace(case, role="input"), FLOOR) is None
