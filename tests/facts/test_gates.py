from __future__ import annotations

import pytest

from auscult.facts.gates import get_gates_by_name


@pytest.mark.parametrize(
    ("name", "count", "gates"),
    [
        ("lstm.weight_ih_l0", 4, "ifgo"),
        ("encoder.bias_hh_l1_reverse", 4, "ifgo"),
        ("cell.weight_hh", 3, "rzn"),
        ("lstm.Wx", 4, "ifgo"),
        ("gru/recurrent_kernel", 3, "zrn"),
        ("dense.kernel", 4, None),
        ("attn.in_proj_weight", 3, None),
    ],
)
def test_names_tell_the_order(name: str, count: int, gates: str | None) -> None:
    assert get_gates_by_name(name, count) == gates
