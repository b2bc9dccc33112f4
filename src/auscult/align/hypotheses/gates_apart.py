"""A recurrent layer's gates in tensors of their own, as Core ML computes a GRU by a loop of linear layers: torch keeps them in one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from auscult.align.compare import TensorValues
from auscult.align.derived import HypothesisView, Proposal
from auscult.align.explain import explain_array
from auscult.recipe.ops.split import Split
from auscult.weights import Array

PRIORITY = 30
BOTH_WAYS = True
GATE_COUNTS = (4, 3)
_RECURRENT_NAME = re.compile(r"(weight|bias)_(ih|hh)(_l\d+)?(_reverse)?$")


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for name in view.x.list_remaining():
        if not _RECURRENT_NAME.search(name) or not view.x.shapes[name]:
            continue
        array = view.x.array(name)
        for count in GATE_COUNTS:
            if len(array) % count:
                continue
            targets = _find_gates(view, np.split(array, count))
            if targets is not None:
                sizes = (len(array) // count,) * count
                yield Proposal((name,), targets, (Split(0, sizes),), "gate-order")
                break


def _find_gates(view: HypothesisView, gates: list[Array]) -> tuple[str, ...] | None:
    """For each gate the tensor that holds it, no tensor twice; None where one has none."""
    names: dict[str, None] = {}
    for gate in gates:
        values = TensorValues.of(gate)
        fitting_names = (
            name
            for name in view.find_similar(gate)
            if name not in names and explain_array(values, view.y.values(name)) is not None
        )
        name = next(fitting_names, None)
        if name is None:
            return None
        names[name] = None
    return tuple(names)
