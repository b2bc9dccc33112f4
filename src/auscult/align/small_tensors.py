"""Small tensors many at a time: a file may hold 100,000, and a call of numpy costs more than their elements do."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.align.compare import PairOutcome, build_exact_outcome
from auscult.align.fingerprint import MAX_PLAIN_SUM, Fingerprint, compute_joined_fingerprints
from auscult.align.moves import AxisMove, list_moves
from auscult.checkpoint.source import item_bytes
from auscult.errors import CheckpointError
from auscult.weights import Checkpoint, Shape, Tensor

MAX_BATCH = 4096
"""Tensors that are read or compared at once: more save nothing, and take memory."""
MAX_WIDTH = 8
"""Bytes of the widest unsigned integer that numpy has; complex128 is wider."""
NamePair = tuple[str, str]
Form = tuple[Shape, int]
"""Shape, and bytes of an element."""


class SmallTensors:
    """The small tensors of a checkpoint that lie in its file as plain numbers, as bit patterns.

    Attributes:
        fingerprints: By name. A tensor that cannot be read has none.
    """

    def __init__(self) -> None:
        self.fingerprints: dict[str, Fingerprint] = {}
        self._forms: dict[str, Form] = {}
        self._rows: dict[str, NDArray[Any]] = {}

    def read(self, checkpoint: Checkpoint) -> None:
        """Read all that there are."""
        names = [name for name, tensor in checkpoint.items() if 0 < tensor.size <= MAX_PLAIN_SUM]
        for start in range(0, len(names), MAX_BATCH):
            self._read_batch({name: checkpoint[name] for name in names[start : start + MAX_BATCH]})

    def _read_batch(self, tensors: Mapping[str, Tensor]) -> None:
        views_by_width: dict[int, dict[str, memoryview]] = {}
        for name, tensor in tensors.items():
            size = tensor.size
            view = view_plain_bytes(tensor, size)
            if view is not None:
                width = len(view) // size
                self._forms[name] = tensor.shape, width
                views_by_width.setdefault(width, {})[name] = view
        for width, views in views_by_width.items():
            self._keep_patterns(views, width)

    def _keep_patterns(self, views: Mapping[str, memoryview], width: int) -> None:
        """Lay tensors of one width end to end: so they take numpy a few calls in all."""
        patterns = np.frombuffer(b"".join(views.values()), f"u{width}")
        stops = list(accumulate(len(view) // width for view in views.values()))
        starts = [0, *stops[:-1]]
        fingerprints = compute_joined_fingerprints(patterns, starts)
        self.fingerprints.update(zip(views, fingerprints, strict=True))
        for name, start, stop in zip(views, starts, stops, strict=True):
            self._rows[name] = patterns[start:stop]

    def get_form(self, name: str) -> Form | None:
        """The form of a tensor that is kept here; None of any other."""
        return self._forms.get(name)

    def stack(self, names: Sequence[str]) -> NDArray[Any]:
        """Tensors of one form as one array, [tensors, *shape]."""
        shape, _ = self._forms[names[0]]
        rows = [self._rows[name] for name in names]
        return np.concatenate(rows).reshape(len(names), *shape)


def view_plain_bytes(tensor: Tensor, size: int) -> memoryview | None:
    """The bytes of a tensor's elements; None where they have to be computed, lie in another order, or cannot be read."""
    view_bytes = getattr(tensor.data, "view_bytes", None)
    if view_bytes is None or tensor.quantization is not None or sys.byteorder == "big":
        return None
    if item_bytes(tensor.dtype) > MAX_WIDTH:
        return None
    try:
        view: memoryview | None = view_bytes(0, size)
    except CheckpointError:
        return None  # read by itself it says what is wrong
    return view


def find_small_exact_moves(
    a: SmallTensors, b: SmallTensors, pairs: Iterable[NamePair], constants: Container[str]
) -> dict[NamePair, PairOutcome | None]:
    """What `find_exact_move` gives of those pairs that both sides keep.

    Args:
        constants: Names of side a that hold one value throughout, for which no other moves are looked for.
    """
    groups: dict[tuple[Form, Form], list[NamePair]] = {}
    for pair in pairs:
        form_a, form_b = a.get_form(pair[0]), b.get_form(pair[1])
        if form_a is not None and form_b is not None:
            groups.setdefault((form_a, form_b), []).append(pair)
    outcomes: dict[NamePair, PairOutcome | None] = {}
    for ((shape_a, _), (shape_b, _)), group in groups.items():
        moves = list_moves(shape_a, shape_b)
        for start in range(0, len(group), MAX_BATCH):
            part = group[start : start + MAX_BATCH]
            stacks = a.stack([pair[0] for pair in part]), b.stack([pair[1] for pair in part])
            for pair, fitting in zip(part, _list_fitting_moves(*stacks, moves), strict=True):
                kept = fitting[:1] if pair[0] in constants else fitting
                outcomes[pair] = build_exact_outcome(kept)
    return outcomes


def _list_fitting_moves(
    stack_a: NDArray[Any], stack_b: NDArray[Any], moves: Sequence[AxisMove]
) -> list[tuple[AxisMove, ...]]:
    """For each pair of tensors, the moves after which they hold the same bits."""
    count = len(stack_a)
    flat_b = stack_b.reshape(count, -1)
    is_fitting = np.zeros((count, len(moves)), bool)
    for place, move in enumerate(moves):
        moved = stack_a
        if move.axes is not None:
            moved = stack_a.transpose(0, *(axis + 1 for axis in move.axes))
        is_fitting[:, place] = (moved.reshape(count, -1) == flat_b).all(axis=1)
    patterns, which = np.unique(is_fitting, axis=0, return_inverse=True)
    choices = [
        tuple(move for move, fits in zip(moves, pattern, strict=True) if fits)
        for pattern in patterns.tolist()
    ]
    return [choices[index] for index in which.reshape(-1).tolist()]
