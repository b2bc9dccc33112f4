"""Sequences of ids or of their embeddings: the start token is missing or doubled, positions are counted from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.weights import Array

NAMES = ("bos-missing", "position-offset", "chaotic", "ids-differ")
MIN_MARGIN = 1e-9
SHIFTS = (1, -1, 2, -2)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    yield from _start(case)
    yield from _folded(case)
    if (
        case.reference.dtype.kind in "iu"
        and case.candidate.dtype.kind in "iu"
        and case.reference.shape == case.candidate.shape
    ):
        yield from _ids(case, floor)


def _start(case: LayerCase) -> Iterator[Explanation]:
    """The same sequence but for what stands at its start."""
    right, got = real(case.reference), real(case.candidate)
    axis = _differing_axis(right.shape, got.shape)
    if axis is None or right.ndim > 3:
        return
    more, fewer = (right, got) if right.shape[axis] > got.shape[axis] else (got, right)
    extra = more.shape[axis] - fewer.shape[axis]
    if extra > 2 or error(np.take(more, np.arange(extra, more.shape[axis]), axis), fewer) > 1e-6:
        return
    first, second = np.take(more, 0, axis), np.take(more, 1, axis)
    if more is right:
        says = f"its sequence lacks the first {extra} of the reference's {right.shape[axis]} tokens"
        yield Explanation(
            "bos-missing",
            {"axis": axis, "tokens": -extra},
            0.0,
            says,
            fix="put the start token in front",
        )
    else:
        twice = "twice" if error(first, second) < 1e-6 else "which the reference does not have"
        says = f"it puts {extra} start token in front, {twice}"
        yield Explanation(
            "bos-missing",
            {"axis": axis, "tokens": extra},
            0.0,
            says,
            fix="drop the extra start token",
        )


def _folded(case: LayerCase) -> Iterator[Explanation]:
    """Positions that a graph holds as constants: what was added is seen in the sum alone, whose masked frames are zero."""
    if (
        not case.role.startswith("input")
        or case.reference.shape != case.candidate.shape
        or case.reference.ndim != 3
    ):
        return
    right = real(case.reference)
    for path in case.attributes:
        table, given = (
            case.relatives.get(path, {}).get("weight"),
            case.context.get(f"{path}:output"),
        )
        if (
            table is None
            or given is None
            or given.shape[-2:] != right.shape[1:]
            or given.dtype.kind != "f"
        ):
            continue
        if table.ndim != 2 or table.shape[1] != right.shape[2]:  # another layer's weight
            continue
        rows = real(given).reshape(-1, *right.shape[1:])[0]
        first = int(np.argmin(np.abs(real(table) - rows[0]).sum(-1)))
        for shift in SHIFTS:
            moved = real(table)[max(first + shift, 0) : first + shift + len(rows)]
            if (
                len(moved) == len(rows)
                and error(real(table)[first : first + len(rows)], rows) < 1e-6
            ):
                made = np.where(right.any(-1, keepdims=True), right + moved - rows, 0.0)
                says = (
                    f"its positions in {path} start at {first + shift}, the reference's at {first}"
                )
                missed = error(made, real(case.candidate))
                yield Explanation(
                    "position-offset", {"offset": shift}, missed, says, fix=f"count from {first}"
                )


def _differing_axis(one: tuple[int, ...], two: tuple[int, ...]) -> int | None:
    if len(one) != len(two):
        return None
    unequal = [axis for axis, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    return (
        unequal[0]
        if len(unequal) == 1 and unequal[0] > 0 and min(one[unequal[0]], two[unequal[0]]) > 1
        else None
    )


def _ids(case: LayerCase, floor: float) -> Iterator[Explanation]:
    right, got = case.reference.astype(np.int64), case.candidate.astype(np.int64)
    moved = got - right
    if (moved == moved.flat[0]).all() and moved.flat[0]:
        shift = int(moved.flat[0])
        rising = (
            right.size > 1 and (np.diff(right.reshape(-1, right.shape[-1]), axis=-1) == 1).all()
        )
        cause = "position-offset" if rising else "ids-differ"
        says = f"its {'positions' if rising else 'ids'} are the reference's {shift:+d}"
        yield Explanation(
            cause, {"offset": shift}, 0.0, says, fix=f"count from {int(right.flat[0])}"
        )
        return
    yield from _flips(case, right, got, floor)


def _flips(case: LayerCase, right: Array, got: Array, floor: float) -> Iterator[Explanation]:
    """Ids that are the largest of scores: where they differ, the two best scores are nearer than rounding can tell."""
    for name, scores in reversed(list(case.context.items())):
        if scores.dtype.kind != "f" or scores.ndim < 2:
            continue
        for axis in (scores.ndim - 1, 1):
            wide = real(scores)
            if (
                wide.argmax(axis).size != right.size
                or not (wide.argmax(axis).ravel() == right.ravel()).all()
            ):
                continue
            flat = np.moveaxis(wide, axis, -1).reshape(-1, wide.shape[axis])
            spots = np.flatnonzero(right.ravel() != got.ravel())
            if not len(spots):
                return
            best = np.sort(flat[spots], -1)
            rms = float(np.sqrt(np.mean(flat**2)))
            margin = (
                flat[spots].max(-1) - flat[spots, np.clip(got.ravel()[spots], 0, flat.shape[1] - 1)]
            ) / rms
            allowed = max(8 * floor, 1e-5)
            if (margin <= allowed).all():
                says = f"{len(spots)} of {right.size} choices of {name} flip: their best scores are {margin.max():.2g} apart"
                evidence = {
                    "largest_margin": float(margin.max()),
                    "allowed": allowed,
                    "flips": len(spots),
                    "second": float(best[0, -2]),
                }
                yield Explanation(
                    "chaotic",
                    {"flips": len(spots)},
                    0.0,
                    says,
                    fix="feed both sides the reference's ids",
                    evidence=evidence,
                )
            return
