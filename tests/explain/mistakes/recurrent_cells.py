"""A GRU and an LSTM, written gate by gate."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from auscult.weights import Array
from tests.explain.planted import draw

X = draw(0, 1, 9, 5)
GRU = {
    "weight_ih_l0": draw(1, 12, 5),
    "weight_hh_l0": draw(2, 12, 4),
    "bias_ih_l0": draw(3, 12),
    "bias_hh_l0": draw(4, 12),
}
LSTM = {
    "weight_ih_l0": draw(1, 16, 5),
    "weight_hh_l0": draw(2, 16, 4),
    "bias_ih_l0": draw(3, 16),
    "bias_hh_l0": draw(4, 16),
}


def run_gru(*, reset_first: bool = False, order: str = "rzn") -> Array:
    w, u, b, c = (dict(zip(order, np.split(part, 3), strict=True)) for part in GRU.values())
    h, rows = np.zeros(4), []
    for x in X[0].astype(np.float64):
        r, z = (expit(w[g] @ x + b[g] + u[g] @ h + c[g]) for g in "rz")
        if reset_first:
            n = np.tanh(w["n"] @ x + b["n"] + u["n"] @ (r * h) + c["n"])
        else:
            n = np.tanh(w["n"] @ x + b["n"] + r * (u["n"] @ h + c["n"]))
        h = (1 - z) * n + z * h
        rows.append(h)
    return np.stack(rows)[None]


def run_lstm(*, order: str = "ifgo") -> Array:
    w, u, b, c = (dict(zip(order, np.split(part, 4), strict=True)) for part in LSTM.values())
    h, memory, rows = np.zeros(4), np.zeros(4), []
    for x in X[0].astype(np.float64):
        i, f, g, o = (w[gate] @ x + b[gate] + u[gate] @ h + c[gate] for gate in "ifgo")
        memory = expit(f) * memory + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(memory)
        rows.append(h)
    return np.stack(rows)[None]
