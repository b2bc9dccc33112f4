"""Rotary frequencies on one side, the tables of cosines and sines that a graph of fixed length made of them on the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.recipe.ops.rotary_tables import RotaryTables
from auscult.weights import Array, Shape

PRIORITY = 32
BOTH_WAYS = True

MAX_TABLE_ERROR = (
    1e-4  # absolute; cosines of angles that grow to thousands are that exact in float32
)


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for source in view.x.list_remaining():
        if not source.endswith("inv_freq") or len(view.x.shapes[source]) != 1:
            continue
        frequency_count = view.x.shapes[source][0]
        frequencies = view.x.array(source)
        tables = [
            name
            for name in view.y.list_remaining()
            if _squeeze_shape(view, name)[1:] == (frequency_count,)
        ]
        for length in dict.fromkeys(_squeeze_shape(view, name)[0] for name in tables):
            op = RotaryTables(length)
            made_tables = op.apply([frequencies])
            table_names = [
                next((name for name in tables if _is_table(view, name, table)), None)
                for table in made_tables
            ]
            if table_names[0] is not None and table_names[1] is not None:
                yield Proposal(
                    (source,), (table_names[0], table_names[1]), (op,), None, computed=True
                )


def _squeeze_shape(view: HypothesisView, name: str) -> Shape:
    """The shape without the sides of 1."""
    return tuple(length for length in view.y.shapes[name] if length != 1)


def _is_table(view: HypothesisView, name: str, table: Array) -> bool:
    if _squeeze_shape(view, name) != table.shape or not view.y.kinds[name].startswith("float"):
        return False
    return bool(np.abs(view.y.array(name).reshape(table.shape) - table).max() < MAX_TABLE_ERROR)
