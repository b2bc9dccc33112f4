"""Attention with relative positions, written query by query (Dai et al. 2019)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.case import LayerCase
from auscult.weights import Array
from tests.explain.planted import attention_place, draw

TIME, WIDTH, HEADS = 7, 8, 2
Q, K, V = (draw(seed, 1, TIME, WIDTH) for seed in range(3))
P, U, W = draw(3, 1, 2 * TIME - 1, WIDTH), draw(4, HEADS, 4), draw(5, HEADS, 4)


def attend(*, late: int = 0, exchanged: bool = False) -> Array:
    """Query i takes the score of distance i - j for key j, or of one that is `late` frames off."""
    content, position = (W, U) if exchanged else (U, W)
    result = np.zeros((TIME, WIDTH))
    for head in range(HEADS):
        part = slice(4 * head, 4 * head + 4)
        for i in range(TIME):
            scores = K[0, :, part] @ (Q[0, i, part] + content[head])
            for j in range(TIME):
                row = TIME - 1 - i + j + late
                if row < 2 * TIME - 1:
                    scores[j] += P[0, row, part] @ (Q[0, i, part] + position[head])
            powers = np.exp((scores - scores.max()) / 2)
            result[i, part] = powers / powers.sum() @ V[0, :, part]
    return result[None]


def make_case(candidate: Array) -> LayerCase:
    case = attention_place(attend(), candidate, HEADS, q_proj=Q, k_proj=K, v_proj=V, linear_pos=P)
    return replace(case, relatives={"attn": {"pos_bias_u": U, "pos_bias_v": W}})
