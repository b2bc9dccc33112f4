"""Whether code holds the weights of a file, or only what its constructor made: then names and shapes are all there is."""

from __future__ import annotations

import numpy as np

from auscult.rules.diff.evidence.difference import judge_freshness, to_real_array
from auscult.weights import Checkpoint, Tensor

MAX_LOOKED_AT = 64
"""Weights per side whose values are looked at, the largest first. Chosen, not measured."""
MAX_KNOWN_SHARE = 0.05
"""Share of the file's large weights that fresh code may hold by chance. Chosen, not measured."""
MIN_FRESH_SHARE = 0.75
"""Share of the code's large weights that has to look freshly initialised. Chosen, not measured."""
MAX_STATISTICS_DIFFERENCE = 1e-3
"""Relative difference of standard deviation and largest magnitude up to which two weights may be equal. Chosen, not measured."""


def is_only_initialised(code: Checkpoint, file: Checkpoint) -> bool:
    """A quick and safe no to the question whether aligning by content is worth the time.

    True only if most of the code's large weights look freshly initialised *and* hardly any of the file's large weights has a
    counterpart of the same shape and statistics in it. A model that was loaded in part, or under another parametrisation, is left
    to the alignment by content.
    """
    weights = _select_largest_weights(code)
    fresh_count = sum(judge_freshness(tensor.values()) is not None for tensor in weights)
    if not weights or fresh_count < MIN_FRESH_SHARE * len(weights):
        return False
    code_statistics: dict[tuple[int, ...], list[tuple[float, float]]] = {}
    for tensor in code.values():
        if _is_weight(tensor):
            code_statistics.setdefault(tuple(sorted(tensor.shape)), []).append(
                _measure_statistics(tensor)
            )
    file_weights = _select_largest_weights(file)
    matched_count = sum(
        any(
            _has_same_statistics(_measure_statistics(tensor), other)
            for other in code_statistics.get(tuple(sorted(tensor.shape)), ())
        )
        for tensor in file_weights
    )
    return matched_count <= MAX_KNOWN_SHARE * len(file_weights)


def _is_weight(tensor: Tensor) -> bool:
    return sum(side > 1 for side in tensor.shape) >= 2


def _select_largest_weights(checkpoint: Checkpoint) -> list[Tensor]:
    return sorted(filter(_is_weight, checkpoint.values()), key=lambda tensor: -tensor.size)[
        :MAX_LOOKED_AT
    ]


def _measure_statistics(tensor: Tensor) -> tuple[float, float]:
    values = to_real_array(tensor.values())
    with np.errstate(over="ignore", invalid="ignore"):
        return float(values.std()), float(np.abs(values).max())


def _has_same_statistics(
    file_statistics: tuple[float, float], code_statistics: tuple[float, float]
) -> bool:
    return all(
        abs(x - y) <= MAX_STATISTICS_DIFFERENCE * max(abs(x), abs(y))
        for x, y in zip(file_statistics, code_statistics, strict=True)
    )
