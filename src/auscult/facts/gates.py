"""In which order each framework stores the gates of a recurrent layer, told by the names of its tensors.

| who | tensors | LSTM | GRU |
|---|---|---|---|
| torch | `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0` | i f g o | r z n |
| MLX | `Wx`, `Wh` | i f g o | r z n |
| Keras | `recurrent_kernel` | i f g o | z r n |
| ONNX | W, R, B, by their place in the operator | i o f g | z r n |

Sources: torch.nn.LSTM and GRU, mlx.nn.LSTM and GRU, keras.layers.LSTM and GRU, ONNX operators LSTM and GRU.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ONNX_GATES: Mapping[int, str] = {4: "iofg", 3: "zrn"}
"""By the number of gates."""
_GATES_BY_NAME: tuple[tuple[re.Pattern[str], Mapping[int, str]], ...] = (
    (
        re.compile(r"(^|\.)(weight|bias)_(ih|hh)(_l\d+(_reverse)?)?$"),
        {4: "ifgo", 3: "rzn"},
    ),
    (re.compile(r"(^|\.)W[xh]$"), {4: "ifgo", 3: "rzn"}),
    (re.compile(r"(^|[./])recurrent_kernel$"), {4: "ifgo", 3: "zrn"}),
)


def get_gates_by_name(name: str, count: int) -> str | None:
    """One letter for each of `count` gates in the order that a tensor of that name has them; None where the name says none."""
    for pattern, gates in _GATES_BY_NAME:
        if pattern.search(name):
            return gates.get(count)
    return None
