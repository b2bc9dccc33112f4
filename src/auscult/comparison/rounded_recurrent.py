"""Rounded weights of recurrent layers whose two biases the candidate adds up, as MLX's LSTM does.

In: the weights of one layer of torch, and of the candidate's modules that compute it. Out: which of them are the reference's,
rounded, in the reference's terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from auscult.comparison.measure.rounding_formats import MAX_ROUNDING_ERROR, name_rounding_format
from auscult.explain.algebra.nearness import relative_error
from auscult.weights import Array

INPUT_BIAS, STATE_BIAS = "bias_ih_", "bias_hh_"
MATRICES = ("weight_ih_", "weight_hh_")
ExactWeightFinder = Callable[[Mapping[str, Array], str, Array], tuple[str, Array] | None]


def iter_rounded_recurrent_weights(
    own: Mapping[str, Array],
    candidate_weights: Iterable[Mapping[str, Array]],
    find_exact_weight: ExactWeightFinder,
) -> Iterator[tuple[str, str, Array]]:
    """Name, format and values of the reference's tensors that the candidate has rounded; the sum of two biases stands in the
    first, and the second is zero.

    Args:
        own: The reference's weights by name, such as `weight_ih_l0`.
        candidate_weights: Those of each of the candidate's modules.
        find_exact_weight: Finds the reference's matrix that a candidate's array is within rounding.
    """
    for weights in candidate_weights:
        for candidate_name, array in weights.items():
            found_bias = _find_bias_sum(own, array)
            if found_bias is None:
                continue
            suffix, format_name = found_bias
            values = array.astype(own[INPUT_BIAS + suffix].dtype)
            yield INPUT_BIAS + suffix, format_name, values
            yield STATE_BIAS + suffix, format_name, np.zeros_like(values)
            layer = {prefix + suffix: own[prefix + suffix] for prefix in MATRICES}
            others = {name: other for name, other in weights.items() if name != candidate_name}
            yield from _iter_rounded_matrices(layer, others, find_exact_weight)


def _iter_rounded_matrices(
    layer: Mapping[str, Array], weights: Mapping[str, Array], find_exact_weight: ExactWeightFinder
) -> Iterator[tuple[str, str, Array]]:
    for candidate_name, array in weights.items():
        match = find_exact_weight(layer, candidate_name, array)
        if match is None:
            continue
        name, values = match
        format_name = name_rounding_format(layer[name], values)
        if format_name is not None:
            yield name, format_name, values


def _find_bias_sum(own: Mapping[str, Array], array: Array) -> tuple[str, str] | None:
    """Layer and direction (`l0`, `l0_reverse`) whose two biases add up to this vector, and the format that it was rounded to."""
    for name, bias in own.items():
        suffix = name.removeprefix(INPUT_BIAS)
        other = own.get(STATE_BIAS + suffix)
        if suffix == name or other is None or array.shape != bias.shape:
            continue
        exact = (bias + other).astype(bias.dtype)
        if not 0 < relative_error(array.astype(np.float32), exact) <= MAX_ROUNDING_ERROR:
            continue
        format_name = name_rounding_format(exact, array.astype(bias.dtype))
        if format_name is not None:
            return suffix, format_name
    return None
