"""Constants of a graph that repeat a bias, or a part of one: what is left of a layer that was computed in advance.

Behind a state of zeros, an unrolled recurrent layer adds its bias alone; an exporter computes that once, and cuts it into gates.
"""

from __future__ import annotations

from auscult.late import numpy as np
from auscult.rules.diff.subject import DiffSubject, Role
from auscult.verdict import Equality
from auscult.weights import Array

MIN_VALUES = 4
"""Values that a part must have; fewer are found in a bias by chance more easily. Chosen, not measured."""
MAX_VALUES = 1 << 16
"""Values of the vectors that are looked through."""


def collect_matched_vectors(subject: DiffSubject, role: Role) -> tuple[Array, ...]:
    """The values of one side's vectors that have an equal partner, each as one axis."""
    side = subject.checkpoint(role)
    names = [
        name
        for match in subject.alignment.matches
        if match.equality is not Equality.DIFFERENT
        for name in subject.names_of(match, role)
    ]
    return tuple(
        side[name].values().reshape(-1)
        for name in names
        if MIN_VALUES <= side[name].size <= MAX_VALUES
        and side[name].size == max(side[name].shape, default=0)
    )


def repeats_vector(subject: DiffSubject, role: Role, name: str) -> bool:
    """Whether a graph's constant is a run of values of a vector that has its partner, bit for bit, and varies."""
    tensor = subject.checkpoint(role)[name]
    if not subject.checkpoint(role).is_graph or not MIN_VALUES <= tensor.size <= MAX_VALUES:
        return False
    values = tensor.values().reshape(-1)
    if values.min() == values.max():
        return False
    return any(_holds_run(vector, values) for vector in subject.matched_vectors[role])


def _holds_run(vector: Array, run: Array) -> bool:
    if vector.dtype != run.dtype or vector.size < run.size:
        return False
    starts = np.flatnonzero(vector[: vector.size - run.size + 1] == run[0])
    return any(bool((vector[start : start + run.size] == run).all()) for start in starts)
