"""One mask in two forms: false where another has -inf, -inf where another has a very low number.

In: two arrays of one shape. Out: whether both are masks that keep the same positions.
"""

from __future__ import annotations

import numpy as np

from auscult.weights import Array

MAX_BLOCKING_SCORE = -1e4
"""What a mask adds to a score that is not to count is at most this; in use are -1e4, -1e9, the type's lowest number and -inf.

Chosen, not measured."""


def is_same_mask(reference: Array, candidate: Array) -> bool:
    """Whether two arrays are masks of different forms that keep the same positions.

    Of a mask of truth values, true may mean kept or blocked: what takes it decides, and is compared for itself. Two masks of one
    form are compared as any other tensors.
    """
    if reference.shape != candidate.shape or np.array_equal(reference, candidate):
        return False
    kept = [_find_kept_positions(mask) for mask in (reference, candidate)]
    if kept[0] is None or kept[1] is None:
        return False
    is_boolean = [mask.dtype == np.bool_ for mask in (reference, candidate)]
    if all(is_boolean):
        return False
    is_equal = np.array_equal(kept[0], kept[1])
    if any(is_boolean):
        return bool(is_equal or np.array_equal(kept[0], ~kept[1]))
    return bool(is_equal and not kept[0].all())


def _find_kept_positions(mask: Array) -> Array | None:
    """Where a mask keeps; None where the array is no mask."""
    if mask.dtype == np.bool_:
        return mask
    if not np.issubdtype(mask.dtype, np.floating):
        return None
    kept = mask == 0
    if np.all(kept | (mask <= MAX_BLOCKING_SCORE)):
        return np.asarray(kept)
    return None
