"""Statistics that survive rounding and reordering, to find a tensor's likely partner in another number format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from auscult.align.fingerprint import BLOCK
from auscult.align.side import Side, in_threads
from auscult.weights import Array, Shape

NEAREST = 4
MAX_SPREAD = (
    1000.0  # cap on the weight of a mean: beyond a million elements, rounding outweighs sampling
)
_BRUTE = 256


def features(array: Array) -> NDArray[np.float64]:
    """[5]: root mean square, mean, mean absolute value, maximum and minimum, scaled so that unrelated tensors of that size
    lie about 1 apart in each. Infinite and NaN elements are left out."""
    flat = array.ravel(order="K")
    count, total, absolute, square, high, low = 0, 0.0, 0.0, 0.0, -np.inf, np.inf
    for start in range(0, len(flat), BLOCK):
        block = _floats(flat[start : start + BLOCK])
        count += len(block)
        if len(block):
            total += float(block.sum(dtype=np.float64))
            absolute += float(np.abs(block).sum(dtype=np.float64))
            square += float(np.dot(block, block))
            high, low = max(high, float(block.max())), min(low, float(block.min()))
    if count == 0 or square <= 0 or not np.isfinite(square):
        return np.zeros(5)
    rms, spread = sqrt(square / count), min(sqrt(count), MAX_SPREAD)
    means = (np.log(rms) * spread, total / count / rms * spread, absolute / count / rms * spread)
    return np.array([*means, 4 * high / rms, 4 * low / rms])


def _floats(block: Array) -> Array:
    if block.dtype.kind == "c":
        block = np.abs(block)
    block = block if block.dtype in (np.float32, np.float64) else block.astype(np.float32)
    finite = np.isfinite(block)
    return block if finite.all() else block[finite]


class Index:
    """Tensors of one side by sides and features, so that the nearest to a given content can be asked for."""

    def __init__(self, side: Side, names: Sequence[str]) -> None:
        groups: dict[Shape, list[str]] = {}
        for name in names:
            groups.setdefault(side.sides(name), []).append(name)
        self.names = groups
        sizes = [side.size(name) for name in names]
        found = dict(
            zip(
                names,
                in_threads(lambda name: features(side.array(name)), list(names), sizes),
                strict=True,
            )
        )
        self.points = {
            key: np.array([found[name] for name in group]) for key, group in groups.items()
        }
        self.of = found

    def nearest(self, key: Shape, point: NDArray[np.float64]) -> list[str]:
        """Up to four names of these sides, the nearest first."""
        if key not in self.names:
            return []
        distance = np.abs(self.points[key] - point).max(axis=1)
        order = np.argsort(distance, kind="stable")[:NEAREST]
        return [self.names[key][index] for index in order]

    def nearest_of_all(self, key: Shape, points: Iterable[NDArray[np.float64]]) -> list[list[str]]:
        """`nearest` for many points at once, through a tree where there are many names."""
        wanted = np.array(list(points))
        if key not in self.names or not len(wanted):
            return [[] for _ in wanted]
        names = self.names[key]
        if len(names) <= _BRUTE:
            return [self.nearest(key, point) for point in wanted]
        from scipy.spatial import cKDTree

        _, places = cKDTree(self.points[key]).query(wanted, k=NEAREST, p=np.inf)
        return [[names[place] for place in row] for row in np.asarray(places).tolist()]
