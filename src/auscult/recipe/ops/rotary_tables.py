"""RotaryTables: the frequencies of rotary positions as the tables of cosines and sines that a graph of fixed length holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import measure_worst_error
from auscult.recipe.checks import check_count, make_loss_error, make_misfit_error
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class RotaryTables(Op):
    """[f] -> [cos(p f), sin(p f)], each [length, f], for positions p = 0, 1, ...; the angles are rounded as float32 rounds them.

    Attributes:
        length: Number of positions.
    """

    op: ClassVar[str] = "rotary_tables"
    length: int = 1

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        angles = np.arange(self.length, dtype=np.float32)[:, None] * arrays[0].astype(np.float32)
        return [np.cos(angles), np.sin(angles)]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """Against the tables made anew, in units of float32's rounding at 1."""
        tolerance = float(np.finfo(np.float32).eps)
        tables = self.apply(sources)
        return max(
            measure_worst_error(
                target.astype(np.float64), table.astype(np.float64), np.full(table.shape, tolerance)
            )
            for target, table in zip(targets, tables, strict=True)
        )

    def inverse(self) -> Op:
        raise make_loss_error(self, "the tables hold angles up to whole turns")

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 1)
        if len(shapes[0]) != 1:
            raise make_misfit_error(self, "takes a row of frequencies", "one axis", shapes[0])
        return [(self.length, shapes[0][0])] * 2

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:  # noqa: ARG002 - tables are float32 whatever the frequencies are
        return ["float32", "float32"]
