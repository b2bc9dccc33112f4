"""A reset gate that acts before the hidden product."""

from __future__ import annotations

from tests.explain.mistakes.recurrent_cells import GRU, X, run_gru
from tests.explain.planted import assert_explained, layer


def test_a_reset_before_the_product() -> None:
    case = layer("GRU", X, run_gru(), run_gru(reset_first=True), GRU, batch_first=True)
    first = assert_explained("gru-reset", case)
    assert first.says == "its reset gate acts before the hidden product, the reference's after"
