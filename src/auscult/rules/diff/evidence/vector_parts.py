"""Constants of a graph that repeat a bias, or a part of one: what is left of a layer that was computed in advance.

Behind a state of zeros, an unrolled recurrent layer adds its bias alone; an exporter computes that once, and cuts it into gates.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.late import numpy as np
from auscult.rules.diff.subject import DiffSubject, Role
from auscult.verdict import Equality
from auscult.weights import Array

MIN_VALUES = 4
"""Values that a part must have; fewer are found in a bias by chance more easily. Chosen, not measured."""
MAX_VALUES = 1 << 16
"""Values of the vectors that are looked through."""


class MatchedVectors:
    """The vectors of both sides that have an equal partner, read when a constant is first held against them."""

    def __init__(self, subject: DiffSubject) -> None:
        self._subject = subject
        self._vectors: dict[Role, tuple[Array, ...]] = {}

    def holds_run(self, role: Role, name: str) -> bool:
        """Whether a graph's constant is a run of values of one of these vectors, bit for bit, and varies."""
        side = self._subject.checkpoint(role)
        tensor = side[name]
        if not side.is_graph or not MIN_VALUES <= tensor.size <= MAX_VALUES:
            return False
        values = tensor.values().reshape(-1)
        if values.min() == values.max():
            return False
        if role not in self._vectors:
            self._vectors[role] = tuple(self._iter_vectors(role))
        return any(_holds_run(vector, values) for vector in self._vectors[role])

    def _iter_vectors(self, role: Role) -> Iterator[Array]:
        side = self._subject.checkpoint(role)
        for match in self._subject.alignment.matches:
            for name in self._subject.names_of(match, role):
                tensor = side[name]
                is_vector = tensor.size == max(tensor.shape, default=0)
                if match.equality is Equality.DIFFERENT or not is_vector:
                    continue
                if MIN_VALUES <= tensor.size <= MAX_VALUES:
                    yield tensor.values().reshape(-1)


def _holds_run(vector: Array, run: Array) -> bool:
    if vector.dtype != run.dtype or vector.size < run.size:
        return False
    starts = np.flatnonzero(vector[: vector.size - run.size + 1] == run[0])
    return any(bool((vector[start : start + run.size] == run).all()) for start in starts)
