"""Biases that the candidate alone has, of layers whose weights are equal on both sides: the reference lost them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality

BIAS_LEAF = "bias"


def list_lost_biases(subject: DiffSubject, surplus: Iterable[str]) -> tuple[str, ...]:
    """Which of the candidate's surplus tensors they are; none where a side is code, or a graph to which an exporter adds biases.

    Their values have to vary: what holds one value throughout need not have been trained.
    """
    sides = (subject.reference, subject.candidate)
    if subject.compares_shapes or any(side.is_code or side.is_graph for side in sides):
        return ()
    biases = [name for name in surplus if name.rpartition(".")[2] == BIAS_LEAF]
    if not biases:
        return ()
    layers = {
        name.rpartition(".")[0]
        for match in subject.alignment.matches
        if match.equality is not Equality.DIFFERENT and not match.fault
        for name in match.b
    }
    return tuple(
        name for name in biases if name.rpartition(".")[0] in layers and _has_spread(subject, name)
    )


def _has_spread(subject: DiffSubject, name: str) -> bool:
    tensor = subject.candidate[name]
    return tensor.size > 1 and bool(np.ptp(tensor.values()) > 0)
