"""A layer of two directions, run otherwise than torch runs it."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.explain.searches.directions import read_direction_layers, read_directions
from auscult.explain.searches.recurrent import CellConvention, read_layers, run_layers
from auscult.weights import Array
from tests.explain.mistakes.recurrent_cells import LSTM, X
from tests.explain.planted import FLOOR, assert_explained, draw, layer

BACKWARD = {name: draw(20 + number, *LSTM[name].shape) for number, name in enumerate(LSTM)}
WEIGHTS = {**LSTM, **{f"{name}_reverse": value for name, value in BACKWARD.items()}}


def run_one_way(weights: dict[str, Array], x: Array) -> Array:
    layers = read_layers(weights)
    assert layers is not None
    return run_layers(CellConvention("ifgo"), layers, x.astype(np.float64))


AHEAD, BEHIND = run_one_way(LSTM, X), run_one_way(BACKWARD, X[:, ::-1])[:, ::-1]
RIGHT = np.concatenate([AHEAD, BEHIND], -1)


def test_the_usual_rule_is_torch_s() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.LSTM(5, 4, batch_first=True, bidirectional=True)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in WEIGHTS.items()})
    output = module(torch.from_numpy(X))[0].detach().numpy()
    np.testing.assert_allclose(RIGHT, output, rtol=1e-5, atol=1e-6)
    case = layer("LSTM", X, output, output, WEIGHTS, batch_first=True)
    assert read_directions(case, FLOOR) is not None


@pytest.mark.parametrize(
    ("candidate", "cause"),
    [
        (np.concatenate([AHEAD, BEHIND[:, ::-1]], -1), "time-reversed"),
        (np.concatenate([AHEAD, run_one_way(BACKWARD, X)], -1), "time-reversed"),
        (np.concatenate([BEHIND, AHEAD], -1), "skip-order"),
        (np.concatenate([AHEAD, run_one_way(LSTM, X[:, ::-1])[:, ::-1]], -1), "wiring"),
        (
            np.concatenate(
                [AHEAD, run_one_way({**BACKWARD, "bias_hh_l0": 0 * BACKWARD["bias_hh_l0"]}, X[:, ::-1])[:, ::-1]], -1
            ),
            "bias-missing",
        ),
    ],
)  # fmt: skip
def test_each_wrong_rule(candidate: Array, cause: str) -> None:
    assert_explained(cause, layer("LSTM", X, RIGHT, candidate, WEIGHTS, batch_first=True))


def test_gates_of_both_directions_in_another_order() -> None:
    def run(weights: dict[str, Array], x: Array) -> Array:
        layers = read_layers(weights)
        assert layers is not None
        return run_layers(CellConvention("iofg"), layers, x.astype(np.float64))

    candidate = np.concatenate([run(LSTM, X), run(BACKWARD, X[:, ::-1])[:, ::-1]], -1)
    assert_explained("gate-order", layer("LSTM", X, RIGHT, candidate, WEIGHTS, batch_first=True))


def test_what_the_weights_do_not_give_is_not_read() -> None:
    case = layer("LSTM", X, RIGHT + 0.1, BEHIND, WEIGHTS, batch_first=True)
    assert read_directions(case, FLOOR) is None
    assert read_direction_layers(LSTM) == ()
