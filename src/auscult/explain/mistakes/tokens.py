"""Sequences of ids or of their embeddings: the start token is missing or doubled, positions are counted from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.weights import Array

NAMES = ("bos-missing", "position-offset", "chaotic", "ids-differ")
MIN_MARGIN = 1e-9
POSITION_SHIFTS = (1, -1, 2, -2)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    yield from _explain_start_token(case)
    yield from _explain_folded_positions(case)
    if (
        case.reference.dtype.kind in "iu"
        and case.candidate.dtype.kind in "iu"
        and case.reference.shape == case.candidate.shape
    ):
        yield from _explain_ids(case, floor)


def _explain_start_token(case: LayerCase) -> Iterator[Explanation]:
    """The same sequence but for what stands at its start."""
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    axis = _find_differing_axis(reference.shape, candidate.shape)
    if axis is None or reference.ndim > 3:
        return
    if reference.shape[axis] > candidate.shape[axis]:
        longer, shorter = (reference, candidate)
    else:
        longer, shorter = (candidate, reference)
    extra = longer.shape[axis] - shorter.shape[axis]
    if (
        extra > 2
        or relative_error(np.take(longer, np.arange(extra, longer.shape[axis]), axis), shorter)
        > 1e-6
    ):
        return
    first, second = np.take(longer, 0, axis), np.take(longer, 1, axis)
    if longer is reference:
        message = f"its sequence lacks the first {extra} of the reference's {reference.shape[axis]} tokens"
        yield Explanation(
            "bos-missing",
            {"axis": axis, "tokens": -extra},
            0.0,
            message,
            fix="put the start token in front",
        )
    else:
        if relative_error(first, second) < 1e-6:
            detail = "twice"
        else:
            detail = "which the reference does not have"
        message = f"it puts {extra} start token in front, {detail}"
        yield Explanation(
            "bos-missing",
            {"axis": axis, "tokens": extra},
            0.0,
            message,
            fix="drop the extra start token",
        )


def _explain_folded_positions(case: LayerCase) -> Iterator[Explanation]:
    """Positions that a graph holds as constants: what was added is seen in the sum alone, whose masked frames are zero."""
    if (
        not case.role.startswith("input")
        or case.reference.shape != case.candidate.shape
        or case.reference.ndim != 3
    ):
        return
    reference = to_float64(case.reference)
    for path in case.attributes:
        table, embedded = (
            case.relatives.get(path, {}).get("weight"),
            case.context.get(f"{path}:output"),
        )
        if (
            table is None
            or embedded is None
            or embedded.shape[-2:] != reference.shape[1:]
            or embedded.dtype.kind != "f"
        ):
            continue
        if table.ndim != 2 or table.shape[1] != reference.shape[2]:  # another layer's weight
            continue
        rows = to_float64(embedded).reshape(-1, *reference.shape[1:])[0]
        first = int(np.argmin(np.abs(to_float64(table) - rows[0]).sum(-1)))
        for shift in POSITION_SHIFTS:
            shifted_rows = to_float64(table)[max(first + shift, 0) : first + shift + len(rows)]
            if (
                len(shifted_rows) == len(rows)
                and relative_error(to_float64(table)[first : first + len(rows)], rows) < 1e-6
            ):
                prediction = np.where(
                    reference.any(-1, keepdims=True), reference + shifted_rows - rows, 0.0
                )
                message = (
                    f"its positions in {path} start at {first + shift}, the reference's at {first}"
                )
                residual = relative_error(prediction, to_float64(case.candidate))
                yield Explanation(
                    "position-offset",
                    {"offset": shift},
                    residual,
                    message,
                    fix=f"count from {first}",
                )


def _find_differing_axis(
    reference_shape: tuple[int, ...], candidate_shape: tuple[int, ...]
) -> int | None:
    if len(reference_shape) != len(candidate_shape):
        return None
    unequal = [
        axis
        for axis, (a, b) in enumerate(zip(reference_shape, candidate_shape, strict=True))
        if a != b
    ]
    if (
        len(unequal) == 1
        and unequal[0] > 0
        and min(reference_shape[unequal[0]], candidate_shape[unequal[0]]) > 1
    ):
        return unequal[0]
    return None


def _explain_ids(case: LayerCase, floor: float) -> Iterator[Explanation]:
    reference, candidate = case.reference.astype(np.int64), case.candidate.astype(np.int64)
    differences = candidate - reference
    if (differences == differences.flat[0]).all() and differences.flat[0]:
        shift = int(differences.flat[0])
        is_rising = (
            reference.size > 1
            and (np.diff(reference.reshape(-1, reference.shape[-1]), axis=-1) == 1).all()
        )
        cause = "position-offset" if is_rising else "ids-differ"
        message = f"its {'positions' if is_rising else 'ids'} are the reference's {shift:+d}"
        yield Explanation(
            cause, {"offset": shift}, 0.0, message, fix=f"count from {int(reference.flat[0])}"
        )
        return
    yield from _explain_flips(case, reference, candidate, floor)


def _explain_flips(
    case: LayerCase, reference: Array, candidate: Array, floor: float
) -> Iterator[Explanation]:
    """Ids that are the largest of scores: where they differ, the two best scores are nearer than rounding can tell."""
    for name, scores in reversed(list(case.context.items())):
        if scores.dtype.kind != "f" or scores.ndim < 2:
            continue
        for axis in (scores.ndim - 1, 1):
            real_scores = to_float64(scores)
            if (
                real_scores.argmax(axis).size != reference.size
                or not (real_scores.argmax(axis).ravel() == reference.ravel()).all()
            ):
                continue
            flat = np.moveaxis(real_scores, axis, -1).reshape(-1, real_scores.shape[axis])
            flipped = np.flatnonzero(reference.ravel() != candidate.ravel())
            if not len(flipped):
                return
            best = np.sort(flat[flipped], -1)
            rms = float(np.sqrt(np.mean(flat**2)))
            margin = (
                flat[flipped].max(-1)
                - flat[flipped, np.clip(candidate.ravel()[flipped], 0, flat.shape[1] - 1)]
            ) / rms
            allowed = max(8 * floor, 1e-5)
            if (margin <= allowed).all():
                message = f"{len(flipped)} of {reference.size} choices of {name} flip: their best scores are {margin.max():.2g} apart"
                evidence = {
                    "largest_margin": float(margin.max()),
                    "allowed": allowed,
                    "flips": len(flipped),
                    "second": float(best[0, -2]),
                }
                yield Explanation(
                    "chaotic",
                    {"flips": len(flipped)},
                    0.0,
                    message,
                    fix="feed both sides the reference's ids",
                    evidence=evidence,
                )
            return
