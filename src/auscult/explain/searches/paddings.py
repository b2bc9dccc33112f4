"""By how much, on which side and with what each side pads: from a tensor that was known before, or from the ends alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from auscult.explain.algebra.layers import PaddingMode, pad_time
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array, ModuleInfo

SEARCH = "paddings"
MODES: tuple[PaddingMode, ...] = ("zeros", "reflect", "replicate", "circular")
MAX_PADDED_FRAMES = 64
"""Frames that one side may pad in all, and zeros that count as padding at either end.

Chosen, not measured."""
MIN_INSIDE_FRAMES = 8
"""Frames that have to be left between the padding of both ends.

Chosen, not measured."""


@dataclass(frozen=True)
class Padding:
    """Frames put before and behind, and what they hold."""

    left: int
    right: int
    mode: PaddingMode


@dataclass(frozen=True)
class PaddingDifference:
    """How either side pads one tensor.

    Attributes:
        tensor: The tensor of the context that is padded; None where it is only known from the reference's zeros at the ends.
    """

    reference: Padding
    candidate: Padding
    residual: float
    tensor: str | None = None

    @property
    def is_border_change(self) -> bool:
        """Whether the border is filled otherwise or all of it lies on one side, rather than being shifted."""
        if self.tensor is None:
            return self.candidate.mode != "zeros" or _is_one_sided(self.reference) != _is_one_sided(
                self.candidate
            )
        has_other_mode = self.candidate.mode != self.reference.mode
        total = self.reference.left + self.reference.right
        return (has_other_mode and self.candidate.left == self.reference.left) or (
            self.candidate.left,
            self.candidate.right,
        ) == (total, 0)

    def to_explanation(self, cause: str) -> Explanation:
        """The explanation of a place by another padding."""
        left, right, mode = self.reference.left, self.reference.right, self.reference.mode
        verb = "it pads" if self.tensor is None else f"it pads {self.tensor} by"
        by = "" if self.tensor is None else "by "
        message = (
            f"{verb} {self.candidate.left} left and {self.candidate.right} right"
            f" with {self.candidate.mode}, the reference {by}{left} and {right} with {mode}"
        )
        sides = {
            "reference": [left, right, mode],
            "candidate": [self.candidate.left, self.candidate.right, self.candidate.mode],
        }
        return Explanation(
            cause, sides, self.residual, message, fix=f"pad ({left}, {right}) with {mode}"
        )


def _is_one_sided(padding: Padding) -> bool:
    return 0 in (padding.left, padding.right)


@run_once_per_case
def find_padding_differences(case: LayerCase, floor: float) -> tuple[PaddingDifference, ...]:
    """What reaches a layer is a known tensor padded, on the two sides in two ways; then what the ends alone show.

    Of a module without weights, what it gives is its input padded.
    """
    if not has_comparable_floats(case):
        return ()
    limit = get_candidate_limit(case, floor)
    if not case.role.startswith("input"):
        if case.weights or case.input is None:
            return ()
        return tuple(_compare_known_tensors(case, {"its input": case.input}, limit))
    return (*_compare_known_tensors(case, case.context, limit), *_compare_ends(case, limit))


def has_comparable_floats(case: LayerCase) -> bool:
    """Whether both sides have numbers of as many axes here."""
    return (
        case.reference.dtype.kind == "f"
        and case.candidate.dtype.kind == "f"
        and case.reference.ndim == case.candidate.ndim
    )


def _compare_known_tensors(
    case: LayerCase, tensors: Mapping[str, Array], limit: float
) -> Iterator[PaddingDifference]:
    reference_values, candidate_values = to_float64(case.reference), to_float64(case.candidate)
    for name, value in tensors.items():
        if value.dtype.kind != "f" or value.ndim != case.reference.ndim:
            continue
        x = to_float64(value)
        first_fit = next(iter_paddings(reference_values, x, get_reference_limit(case)), None)
        if first_fit is None:
            continue
        for candidate, residual in iter_paddings(candidate_values, x, limit):
            if candidate != first_fit[0]:
                reference = _read_own_padding(case, first_fit[0], candidate) or first_fit[0]
                yield PaddingDifference(reference, candidate, residual, name)


def _read_own_padding(case: LayerCase, before: Padding, candidate: Padding) -> Padding | None:
    """What the reference's module pads by itself, where the candidate pads by as much before it but fills the border otherwise.

    A graph's convolution pads with zeros alone: every other border is an operation before it.
    """
    attributes = case.module.attributes
    amount, mode = attributes.get("padding"), attributes.get("padding_mode")
    if isinstance(amount, tuple | list) and len(amount) == 1:
        amount = amount[0]
    if not case.role.startswith("input") or not isinstance(amount, int) or amount <= 0:
        return None
    if before.left + before.right or mode not in MODES or mode in ("zeros", candidate.mode):
        return None
    if candidate.left + candidate.right != 2 * amount or not _pads_nothing(case.candidate_module):
        return None
    return Padding(amount, amount, mode)


def _pads_nothing(module: ModuleInfo | None) -> bool:
    """Whether a module is known not to pad by itself; otherwise what was padded before it is padded twice."""
    if module is None:
        return False
    amounts = [module.attributes.get(name, 0) for name in ("padding", "pads")]
    return not any(np.any(amount) for amount in amounts) and "auto_pad" not in module.attributes


def iter_paddings(target: Array, value: Array, limit: float) -> Iterator[tuple[Padding, float]]:
    """Paddings of the value along one axis that give the target, each with its residual."""
    orientations = [value]
    if value.ndim == 3:
        orientations.append(value.swapaxes(1, 2))
    for oriented in orientations:
        axis = _find_padded_axis(target.shape, oriented.shape)
        if axis is None:
            continue
        total = target.shape[axis] - oriented.shape[axis]
        if not 0 <= total <= MAX_PADDED_FRAMES:
            continue
        expected, x = np.moveaxis(target, axis, -1), np.moveaxis(oriented, axis, -1)
        for left in range(total + 1):
            if relative_error(expected[..., left : left + x.shape[-1]], x) > limit:
                continue
            for mode in MODES if total else MODES[:1]:
                padded = pad_time(x, left, total - left, mode)
                if padded is not None and (residual := relative_error(padded, expected)) <= limit:
                    yield Padding(left, total - left, mode), residual
            return


def _find_padded_axis(target: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """The first axis without which both shapes are equal."""
    return next(
        (
            axis
            for axis in range(1, len(target))
            if target[:axis] + target[axis + 1 :] == shape[:axis] + shape[axis + 1 :]
        ),
        None,
    )


def _compare_ends(case: LayerCase, limit: float) -> Iterator[PaddingDifference]:
    """The same inside, but padded otherwise: what the reference padded with zeros shows at its ends."""
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    if reference.ndim < 3:
        return
    for axis in range(1, reference.ndim):
        reference_rows = np.moveaxis(reference, axis, -1)
        candidate_rows = np.moveaxis(candidate, axis, -1)
        zeros = Padding(
            _count_leading_zeros(reference_rows),
            _count_leading_zeros(reference_rows[..., ::-1]),
            "zeros",
        )
        inside = reference_rows[..., zeros.left : reference_rows.shape[-1] - zeros.right]
        if (
            reference_rows.shape[:-1] != candidate_rows.shape[:-1]
            or not zeros.left + zeros.right
            or inside.shape[-1] < MIN_INSIDE_FRAMES
        ):
            continue
        total = candidate_rows.shape[-1] - inside.shape[-1]
        for left, mode in product(range(total + 1), MODES):
            padding = Padding(left, total - left, mode)
            padded = pad_time(inside, left, total - left, mode)
            if padded is None or padding == zeros:
                continue
            residual = relative_error(padded, candidate_rows)
            if residual <= limit:
                yield PaddingDifference(zeros, padding, residual)


def _count_leading_zeros(x: Array) -> int:
    """How many frames at the start are all zero."""
    frames = range(min(MAX_PADDED_FRAMES, x.shape[-1]))
    return next((frame for frame in frames if x[..., frame, None].any()), 0)
