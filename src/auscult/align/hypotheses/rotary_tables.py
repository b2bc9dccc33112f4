"""Rotary frequencies on one side, the tables of cosines and sines that a graph of fixed length made of them on the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.align.derived import Candidate, View
from auscult.recipe.ops.rotary_tables import RotaryTables
from auscult.weights import Array, Shape

PRIORITY = 32
BOTH_WAYS = True

NEAR = 1e-4  # absolute; cosines of angles that grow to thousands are that exact in float32


def propose(view: View) -> Iterator[Candidate]:
    for source in view.x.remaining():
        if not source.endswith("inv_freq") or len(view.x.shapes[source]) != 1:
            continue
        rotary = view.x.shapes[source][0]
        frequencies = view.x.array(source)
        tables = [name for name in view.y.remaining() if _square(view, name)[1:] == (rotary,)]
        for length in dict.fromkeys(_square(view, name)[0] for name in tables):
            op = RotaryTables(length)
            made = op.apply([frequencies])
            found = [
                next((name for name in tables if _is(view, name, table)), None) for table in made
            ]
            if found[0] is not None and found[1] is not None:
                yield Candidate((source,), (found[0], found[1]), (op,), None, computed=True)


def _square(view: View, name: str) -> Shape:
    """The shape without the sides of 1."""
    return tuple(side for side in view.y.shapes[name] if side != 1)


def _is(view: View, name: str, table: Array) -> bool:
    if _square(view, name) != table.shape or not view.y.kinds[name].startswith("float"):
        return False
    return bool(np.abs(view.y.array(name).reshape(table.shape) - table).max() < NEAR)
