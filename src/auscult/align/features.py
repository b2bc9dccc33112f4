"""Statistics that survive rounding and reordering, to find a tensor's likely partner in another number format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from auscult.align.dot_products import compute_dot_product
from auscult.align.fingerprint import BLOCK_SIZE
from auscult.align.side import CheckpointSide, map_in_threads
from auscult.weights import Array, Shape

MAX_NEAREST = 4
MAX_SPREAD = (
    1000.0  # cap on the weight of a mean: beyond a million elements, rounding outweighs sampling
)
_MAX_BRUTE_FORCE = 256


def compute_features(array: Array) -> NDArray[np.float64]:
    """[5]: root mean square, mean, mean absolute value, maximum and minimum, scaled so that unrelated tensors of that size
    lie about 1 apart in each. Infinite and NaN elements are left out."""
    flat = array.ravel(order="K")
    count, total, absolute, square, high, low = 0, 0.0, 0.0, 0.0, -np.inf, np.inf
    for start in range(0, len(flat), BLOCK_SIZE):
        block = _to_finite_floats(flat[start : start + BLOCK_SIZE])
        count += len(block)
        if len(block):
            total += float(block.sum(dtype=np.float64))
            absolute += float(np.abs(block).sum(dtype=np.float64))
            square += compute_dot_product(block, block)
            high, low = max(high, float(block.max())), min(low, float(block.min()))
    if count == 0 or square <= 0 or not np.isfinite(square):
        return np.zeros(5)
    rms, spread = sqrt(square / count), min(sqrt(count), MAX_SPREAD)
    means = (np.log(rms) * spread, total / count / rms * spread, absolute / count / rms * spread)
    return np.array([*means, 4 * high / rms, 4 * low / rms])


def _to_finite_floats(block: Array) -> Array:
    if block.dtype.kind == "c":
        block = np.abs(block)
    if block.dtype not in (np.float32, np.float64):
        block = block.astype(np.float32)
    is_finite = np.isfinite(block)
    if is_finite.all():
        return block
    return block[is_finite]


class FeatureIndex:
    """Tensors of one side by sides and features, so that the nearest to a given content can be asked for."""

    def __init__(self, side: CheckpointSide, names: Sequence[str]) -> None:
        groups: dict[Shape, list[str]] = {}
        for name in names:
            groups.setdefault(side.sides(name), []).append(name)
        self.names = groups
        sizes = [side.size(name) for name in names]
        features_by_name = dict(
            zip(
                names,
                map_in_threads(lambda name: compute_features(side.array(name)), list(names), sizes),
                strict=True,
            )
        )
        self.points = {
            key: np.array([features_by_name[name] for name in group])
            for key, group in groups.items()
        }
        self.of = features_by_name

    def nearest(self, key: Shape, point: NDArray[np.float64]) -> list[str]:
        """Up to four names of these sides, the nearest first."""
        if key not in self.names:
            return []
        distance = np.abs(self.points[key] - point).max(axis=1)
        order = np.argsort(distance, kind="stable")[:MAX_NEAREST]
        return [self.names[key][index] for index in order]

    def nearest_of_all(self, key: Shape, points: Iterable[NDArray[np.float64]]) -> list[list[str]]:
        """`nearest` for many points at once, through a tree where there are many names."""
        point_array = np.array(list(points))
        if key not in self.names or not len(point_array):
            return [[] for _ in point_array]
        names = self.names[key]
        if len(names) <= _MAX_BRUTE_FORCE:
            return [self.nearest(key, point) for point in point_array]
        from scipy.spatial import cKDTree

        _, nearest_indices = cKDTree(self.points[key]).query(point_array, k=MAX_NEAREST, p=np.inf)
        return [
            [names[index] for index in index_row]
            for index_row in np.asarray(nearest_indices).tolist()
        ]
