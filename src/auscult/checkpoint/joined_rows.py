"""Tensors of one shape put one behind the other, quantised ones too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from auscult.checkpoint.elements import JoinedData
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows
from auscult.late import numpy as np
from auscult.weights import Tensor


def join_rows(name: str, tensors: list[Tensor]) -> Tensor:
    """Tensors of one shape, one behind the other along their first axis."""
    shape = (tensors[0].shape[0] * len(tensors), *tensors[0].shape[1:])
    nbytes = sum(tensor.nbytes for tensor in tensors)
    pieces = tuple(tensor.data for tensor in tensors)
    first = pieces[0]
    if isinstance(first, CodedWeight):
        coded = tuple(piece for piece in pieces if isinstance(piece, CodedWeight))
        data = replace(first, shape=shape, decode=JoinedRows(coded).decode)
        return Tensor(name, shape, tensors[0].dtype, data, nbytes)
    sizes = tuple(prod(tensor.shape) for tensor in tensors)
    joined = JoinedData(pieces, sizes, shape, tensors[0].dtype)
    return Tensor(name, shape, tensors[0].dtype, joined, nbytes)


@dataclass(frozen=True)
class JoinedRows:
    """Rows of several coded weights, one behind the other."""

    weights: tuple[CodedWeight, ...]

    def decode(self, first: int, last: int) -> DecodedRows:
        rows: list[DecodedRows] = []
        for row, weight in self._iter_starts():
            low, high = max(first - row, 0), min(last - row, weight.row_count)
            if low < high:
                rows.append(weight.decode(low, high))
        if not rows:
            return self.weights[0].decode(0, 0)
        values = np.concatenate([part.values for part in rows])
        bounds = np.concatenate([np.broadcast_to(part.bounds, part.values.shape) for part in rows])
        return DecodedRows(values, bounds)

    def _iter_starts(self) -> Iterator[tuple[int, CodedWeight]]:
        row = 0
        for weight in self.weights:
            yield row, weight
            row += weight.row_count
