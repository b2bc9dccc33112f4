"""How mlx-audio 0.6.2 calls the voice encoder's tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from auscult.weights import Array

LAYER = re.compile(r"lstm\.layers\.(\d+)\.(Wx|Wh|bias)")
NAMES = {"Wx": "weight_ih", "Wh": "weight_hh", "bias": "bias_ih"}


def released(state: Mapping[str, Array], prefix: str = "") -> dict[str, Array]:
    """The arrays of a state under torch's names, whoever named them, without `prefix`.

    The port keeps the sum of a layer's two biases; it becomes the first of them, and the second is zeros.
    """
    result: dict[str, Array] = {}
    for name, value in state.items():
        if not name.startswith(prefix):
            continue
        inner = name.removeprefix(prefix)
        theirs = LAYER.fullmatch(inner)
        result[f"lstm.{NAMES[theirs[2]]}_l{theirs[1]}" if theirs else inner] = value
        if theirs and theirs[2] == "bias":
            result[f"lstm.bias_hh_l{theirs[1]}"] = np.zeros_like(value)
    return result
