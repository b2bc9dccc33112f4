"""An LSTM adds both of its biases: one of zeros is redundant where the other one is the sum, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Array, Checkpoint
from tests.rules.models import filled


def make_layer(gates: int) -> dict[str, Array]:
    rows = gates * 24
    return filled(
        {
            "rnn.weight_ih_l0": (rows, 16),
            "rnn.weight_hh_l0": (rows, 24),
            "rnn.bias_ih_l0": (rows,),
            "rnn.bias_hh_l0": (rows,),
            "out.weight": (8, 24),
        }
    )


def give_verdict(reference: dict[str, Array], candidate: dict[str, Array]) -> Verdict:
    return diff(Checkpoint.of(reference), Checkpoint.of(candidate)).verdict


def add_biases(layer: dict[str, Array]) -> dict[str, Array]:
    total = layer["rnn.bias_ih_l0"] + layer["rnn.bias_hh_l0"]
    return layer | {"rnn.bias_ih_l0": total, "rnn.bias_hh_l0": np.zeros_like(total)}


def test_the_sum_in_one_bias_is_equivalent() -> None:
    layer = make_layer(4)
    assert give_verdict(layer, add_biases(layer)) is Verdict.EQUIVALENT
    assert give_verdict(add_biases(layer), layer) is Verdict.EQUIVALENT


@pytest.mark.parametrize("gates", [3, 4])
def test_a_bias_that_was_lost_is_not(gates: int) -> None:
    layer = make_layer(gates)
    zeroed = layer | {"rnn.bias_hh_l0": np.zeros(gates * 24, np.float32)}
    assert give_verdict(layer, zeroed) is Verdict.DIVERGENT
    assert give_verdict(zeroed, layer) is Verdict.DIVERGENT
    shorter = {name: array for name, array in layer.items() if "bias_hh" not in name}
    assert give_verdict(layer, shorter) is Verdict.DIVERGENT


def test_the_biases_of_a_gru_do_not_add_up() -> None:
    layer = make_layer(3)
    assert give_verdict(layer, add_biases(layer)) is Verdict.DIVERGENT
