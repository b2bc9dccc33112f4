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
MIN_LOADED_VECTORS = 2
"""Vectors that have to be the file's; one may be set to these numbers by the constructor. Chosen, not measured."""
MIN_VECTOR_SIZE = 4
"""Values of a vector; fewer may agree by chance. Chosen, not measured."""
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
    if holds_loaded_vectors(code, file):
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


def holds_loaded_vectors(code: Checkpoint, file: Checkpoint) -> bool:
    """Whether parameters of one axis (biases, gains) of the code hold a tensor of the file, bit for bit.

    A load that knew no weight's name may still have found the biases, as HiFi-GAN's does after `remove_weight_norm`. Buffers do
    not count: their constructor fills them with the same numbers each time; nor do constants.
    """
    vectors = [tensor for tensor in code.values() if tensor.trainable and _is_vector(tensor)]
    if len(vectors) < MIN_LOADED_VECTORS:
        return False
    contents = {_read_content(tensor) for tensor in file.values() if _is_vector(tensor)} - {None}
    known_count = sum(_read_content(tensor) in contents for tensor in vectors)
    return known_count >= max(MIN_LOADED_VECTORS, MAX_KNOWN_SHARE * len(vectors))


def _is_vector(tensor: Tensor) -> bool:
    return MIN_VECTOR_SIZE <= tensor.size == max(tensor.shape, default=0)


def _read_content(tensor: Tensor) -> bytes | None:
    """The values as bytes, in float32 so that a file of 16 bits can be held against code of 32; None for a constant."""
    values = np.ascontiguousarray(tensor.values()).astype(np.float32).reshape(-1)
    if (values == values[0]).all():
        return None
    return values.tobytes()


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
