"""Transforms of the whole tensor: lag, gain and offset, reversed or exchanged axes, another way to make it longer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations, product

import numpy as np

from auscult.explain.algebra.layers import PaddingMode, pad_time
from auscult.explain.algebra.nearness import (
    bound_relative_error,
    compute_energy,
    relative_error,
    to_float64,
)
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = (
    "stride-padding",
    "padding-mode",
    "upsample-mode",
    "transform-invented",
    "istft-normalisation",
    "istft-trim",
    "channels-reversed",
    "time-reversed",
    "skip-order",
    "branch-missing",
)
WAVE_LAYERS = re.compile(r"i_?stft|inverse_?stft|spectrogram|head", re.IGNORECASE)
CHANNELS_LAST_LAYERS = re.compile(
    r"LSTM|GRU|RNN|Linear|LayerNorm|RMSNorm|Embedding|Attention", re.IGNORECASE
)  # channels are the last axis
MIN_COMMON = 8
MAX_EDGE = 64
PROBE_FRAMES = 256
"""Frames of the loudest channel by which most lags are ruled out."""
MODES: tuple[PaddingMode, ...] = ("zeros", "reflect", "replicate", "circular")


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if (
        case.reference.dtype.kind not in "f"
        or case.candidate.dtype.kind not in "f"
        or case.reference.ndim != case.candidate.ndim
    ):
        return
    limit = get_candidate_limit(case, floor)
    yield from _explain_padding(case, limit)
    yield from _explain_upsampling(case, limit)
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    yield from _explain_reversal(case, reference, candidate)
    yield from _explain_exchanged_blocks(case, reference, candidate)
    yield from _explain_blanked_part(case, reference, candidate)
    yield from _explain_edges(case, reference, candidate, limit)
    yield from _explain_lag(case, reference, candidate, limit)
    yield from _explain_affine(case, reference, candidate)


def _explain_padding(case: LayerCase, limit: float) -> Iterator[Explanation]:
    """What reaches a layer is a known tensor padded: by how much, on which side, with what."""
    if not case.role.startswith("input"):
        return
    for name, value in case.context.items():
        if value.dtype.kind != "f" or value.ndim != case.reference.ndim:
            continue
        reference_paddings = list(
            _iter_paddings(to_float64(case.reference), to_float64(value), get_reference_limit(case))
        )
        for reference_left, reference_right, reference_mode, _ in reference_paddings[:1]:
            for candidate_left, candidate_right, candidate_mode, residual in _iter_paddings(
                to_float64(case.candidate), to_float64(value), limit
            ):
                if (candidate_left, candidate_right, candidate_mode) == (
                    reference_left,
                    reference_right,
                    reference_mode,
                ):
                    continue
                if (candidate_mode != reference_mode and candidate_left == reference_left) or (
                    candidate_left,
                    candidate_right,
                ) == (reference_left + reference_right, 0):
                    cause = "padding-mode"
                else:
                    cause = "stride-padding"
                message = f"it pads {name} by {candidate_left} left and {candidate_right} right with {candidate_mode}, the reference by {reference_left} and {reference_right} with {reference_mode}"
                sides = {
                    "reference": [reference_left, reference_right, reference_mode],
                    "candidate": [candidate_left, candidate_right, candidate_mode],
                }
                yield Explanation(
                    cause,
                    sides,
                    residual,
                    message,
                    fix=f"pad ({reference_left}, {reference_right}) with {reference_mode}",
                )


def _iter_paddings(
    target: Array, value: Array, limit: float
) -> Iterator[tuple[int, int, PaddingMode, float]]:
    for oriented in [value] + ([value.swapaxes(1, 2)] if value.ndim == 3 else []):
        axis = next(
            (
                candidate_axis
                for candidate_axis in range(1, target.ndim)
                if target.shape[:candidate_axis] + target.shape[candidate_axis + 1 :]
                == oriented.shape[:candidate_axis] + oriented.shape[candidate_axis + 1 :]
            ),
            None,
        )
        if axis is None or not 0 <= (total := target.shape[axis] - oriented.shape[axis]) <= 64:
            continue
        expected, x = np.moveaxis(target, axis, -1), np.moveaxis(oriented, axis, -1)
        for left in range(total + 1):
            if relative_error(expected[..., left : left + x.shape[-1]], x) > limit:
                continue
            for mode in MODES if total else MODES[:1]:
                padded = pad_time(x, left, total - left, mode)
                if padded is not None and (residual := relative_error(padded, expected)) <= limit:
                    yield left, total - left, mode, residual
            return


def _explain_upsampling(case: LayerCase, limit: float) -> Iterator[Explanation]:
    """Interpolation: nearest, linear (two conventions of the ends), repeated as a whole, zeros between."""
    sources = {**case.inputs, **case.context}.items()
    for name, value in sources:
        if value.dtype.kind != "f" or value.ndim != case.reference.ndim:
            continue
        reference_methods = [
            method
            for method, residual in _iter_upsamplings(to_float64(value), to_float64(case.reference))
            if residual <= get_reference_limit(case)
        ]
        for method, residual in (
            _iter_upsamplings(to_float64(value), to_float64(case.candidate))
            if reference_methods
            else ()
        ):
            if residual <= limit and method not in reference_methods:
                message = (
                    f"it makes {name} longer by {method}, the reference by {reference_methods[0]}"
                )
                yield Explanation(
                    "upsample-mode",
                    {"reference": reference_methods[0], "candidate": method},
                    residual,
                    message,
                    fix=f"upsample by {reference_methods[0]}",
                )


def _iter_upsamplings(value: Array, target: Array) -> Iterator[tuple[str, float]]:
    for oriented in [value] + ([value.swapaxes(1, 2)] if value.ndim == 3 else []):
        for axis in range(1, target.ndim):
            has_equal_axes = (
                target.shape[:axis] + target.shape[axis + 1 :]
                == oriented.shape[:axis] + oriented.shape[axis + 1 :]
            )
            if (
                not has_equal_axes
                or target.shape[axis] <= oriented.shape[axis]
                or target.shape[axis] % oriented.shape[axis]
            ):
                continue
            x, expected = np.moveaxis(oriented, axis, -1), np.moveaxis(target, axis, -1)
            for method, longer in upsample_by_each_method(
                x, expected.shape[-1] // x.shape[-1]
            ).items():
                yield method, relative_error(longer, expected)


def upsample_by_each_method(x: Array, factor: int) -> dict[str, Array]:
    """x [..., time] made `factor` times longer, by each usual method."""
    count = x.shape[-1]
    zeros = np.zeros((*x.shape, factor))
    zeros[..., 0] = x
    whole = (np.arange(count * factor) + 0.5) / factor - 0.5
    corners = np.linspace(0, count - 1, count * factor)
    return {
        "nearest": np.repeat(x, factor, -1),
        "linear": _interpolate_at(x, np.clip(whole, 0, count - 1)),
        "linear with aligned corners": _interpolate_at(x, corners),
        "repeating the whole": np.tile(x, (1,) * (x.ndim - 1) + (factor,)),
        "zeros between": zeros.reshape(*x.shape[:-1], -1),
    }


def _interpolate_at(x: Array, positions: Array) -> Array:
    low = np.minimum(positions.astype(int), x.shape[-1] - 1)
    high = np.minimum(low + 1, x.shape[-1] - 1)
    fraction = positions - low
    return np.asarray(x[..., low] * (1 - fraction) + x[..., high] * fraction)


def _explain_exchanged_blocks(
    case: LayerCase, reference: Array, candidate: Array
) -> Iterator[Explanation]:
    """Two to four blocks of channels, concatenated in another order."""
    if reference.shape != candidate.shape or not case.role.startswith("input"):
        return
    for axis in range(1, reference.ndim):
        for count in (2, 3, 4):
            if reference.shape[axis] % count:
                continue
            blocks = np.split(reference, count, axis)
            for order in permutations(range(count)):
                if order != tuple(range(count)):
                    residual = relative_error(
                        np.concatenate([blocks[i] for i in order], axis), candidate
                    )
                    message = f"it concatenates the {count} parts of axis {axis} in the order {list(order)}"
                    fix = "concatenate in the reference's order"
                    yield Explanation(
                        "skip-order",
                        {"axis": axis, "order": order},
                        residual,
                        message,
                        fix=fix,
                        complexity=2,
                    )


def _explain_blanked_part(
    case: LayerCase, reference: Array, candidate: Array
) -> Iterator[Explanation]:
    """A part of a concatenation, one that is known, is zero in the candidate."""
    if reference.shape != candidate.shape or not case.role.startswith("input"):
        return
    for axis in range(1, reference.ndim):
        other_axes = tuple(a for a in range(reference.ndim) if a != axis)
        lost_channels = np.flatnonzero(reference.any(other_axes) & ~candidate.any(other_axes))
        if not 0 < len(lost_channels) < reference.shape[axis] or lost_channels[-1] - lost_channels[
            0
        ] >= len(lost_channels):
            continue
        lost_part, blanked = (
            np.moveaxis(reference, axis, 1)[:, lost_channels],
            np.moveaxis(reference, axis, 1).copy(),
        )
        blanked[:, lost_channels] = 0
        residual = relative_error(np.moveaxis(blanked, 1, axis), candidate)
        for name, value in case.context.items():
            if (
                value.ndim == lost_part.ndim
                and value.dtype.kind == "f"
                and any(_iter_paddings(lost_part, to_float64(value), get_reference_limit(case)))
            ):
                message = f"it concatenates zeros in place of {name} (axis {axis}, {lost_channels[0]} to {lost_channels[-1]})"
                yield Explanation(
                    "branch-missing",
                    {"lost": name},
                    residual,
                    message,
                    fix=f"concatenate {name} here",
                    complexity=1,
                )
                break


def _explain_edges(
    case: LayerCase, reference: Array, candidate: Array, limit: float
) -> Iterator[Explanation]:
    """The same inside, but padded otherwise: what the reference padded with zeros shows at its ends."""
    if not case.role.startswith("input") or reference.ndim < 3:
        return
    for axis in range(1, reference.ndim):
        reference_rows, candidate_rows = (
            np.moveaxis(reference, axis, -1),
            np.moveaxis(candidate, axis, -1),
        )
        left_zeros, right_zeros = (
            _count_leading_zeros(reference_rows),
            _count_leading_zeros(reference_rows[..., ::-1]),
        )
        inside = reference_rows[..., left_zeros : reference_rows.shape[-1] - right_zeros]
        if (
            reference_rows.shape[:-1] != candidate_rows.shape[:-1]
            or not left_zeros + right_zeros
            or inside.shape[-1] < MIN_COMMON
        ):
            continue
        total = candidate_rows.shape[-1] - inside.shape[-1]
        for left_padding, mode in product(range(total + 1), MODES):
            padded = pad_time(inside, left_padding, total - left_padding, mode)
            if padded is None or (left_padding, total - left_padding, mode) == (
                left_zeros,
                right_zeros,
                "zeros",
            ):
                continue
            is_causal = (0 in (left_zeros, right_zeros)) != (
                0 in (left_padding, total - left_padding)
            )
            cause = "padding-mode" if is_causal or mode != "zeros" else "stride-padding"
            message = f"it pads {left_padding} left and {total - left_padding} right with {mode}, the reference {left_zeros} and {right_zeros} with zeros"
            sides = {
                "reference": [left_zeros, right_zeros, "zeros"],
                "candidate": [left_padding, total - left_padding, mode],
            }
            residual = relative_error(padded, candidate_rows)
            if residual <= limit:
                yield Explanation(
                    cause,
                    sides,
                    residual,
                    message,
                    fix=f"pad ({left_zeros}, {right_zeros}) with zeros",
                )


def _count_leading_zeros(x: Array) -> int:
    """How many frames at the start are all zero."""
    return next(
        (frame for frame in range(min(MAX_EDGE, x.shape[-1])) if x[..., frame, None].any()), 0
    )


def _explain_reversal(case: LayerCase, reference: Array, candidate: Array) -> Iterator[Explanation]:
    if reference.shape != candidate.shape or reference.ndim < 2:
        return
    if CHANNELS_LAST_LAYERS.search(case.module.type):
        channels = reference.ndim - 1
    else:
        channels = 1
    for axis in range(1, reference.ndim):
        if axis == channels:
            cause, unit = ("channels-reversed", "channels")
        else:
            cause, unit = ("time-reversed", "frames")
        yield Explanation(
            cause,
            {"axis": axis},
            relative_error(np.flip(reference, axis), candidate),
            f"its {unit} run backwards",
            fix=f"flip axis {axis}",
            complexity=2,
        )


def _explain_lag(
    case: LayerCase, reference: Array, candidate: Array, limit: float
) -> Iterator[Explanation]:
    """The same but for some frames at the start: what both have agrees."""
    axis = reference.ndim - 1
    unequal = [
        unequal_axis
        for unequal_axis in range(reference.ndim)
        if reference.shape[unequal_axis] != candidate.shape[unequal_axis]
    ]
    if unequal:
        axis = unequal[0]
    if len(unequal) > 1 or axis == 0:
        return
    reference_rows, candidate_rows = (
        np.moveaxis(reference, axis, -1),
        np.moveaxis(candidate, axis, -1),
    )
    is_wave = bool(WAVE_LAYERS.search(case.module.type) or WAVE_LAYERS.search(case.path))
    longest = reference_rows.shape[-1] // 2
    row, loudest_frame = _find_loudest(candidate_rows)
    reference_energy, reference_row, candidate_row = (
        compute_energy(reference_rows),
        reference_rows[row],
        candidate_rows[row],
    )
    for lag in sorted(range(-longest, longest + 1), key=abs):
        reference_start, candidate_start = max(lag, 0), max(-lag, 0)
        common = min(
            reference_rows.shape[-1] - reference_start, candidate_rows.shape[-1] - candidate_start
        )
        if common < max(MIN_COMMON, reference_rows.shape[-1] // 4) or (lag == 0 and not unequal):
            continue
        candidate_slice = slice(
            max(loudest_frame, candidate_start),
            min(loudest_frame + PROBE_FRAMES, candidate_start + common),
        )
        reference_slice = slice(
            candidate_slice.start + lag, max(candidate_slice.stop, candidate_slice.start) + lag
        )
        if (
            bound_relative_error(
                candidate_row[candidate_slice], reference_row[reference_slice], reference_energy
            )
            > limit
        ):
            continue
        residual = relative_error(
            candidate_rows[..., candidate_start : candidate_start + common],
            reference_rows[..., reference_start : reference_start + common],
        )
        if residual <= limit:
            cause = "istft-trim" if is_wave else "stride-padding"
            side, remedy = ("early", "less") if lag > 0 else ("late", "more")
            if lag:
                message = f"it is the reference {abs(lag)} frames {side}, "
            else:
                message = "it is the reference from its start, "
            message += f"{candidate_rows.shape[-1]} long instead of {reference_rows.shape[-1]}"
            sides = {"lag": -lag, "length": [reference_rows.shape[-1], candidate_rows.shape[-1]]}
            if lag:
                fix = f"cut {abs(lag)} frames {remedy} at the start"
            else:
                fix = f"let it be {reference_rows.shape[-1]} frames long"
            yield Explanation(cause, sides, residual, message, fix=fix, complexity=2)
            return


def _find_loudest(x: Array) -> tuple[tuple[int, ...], int]:
    """The row of x [..., time] with the largest finite sample, and where its surroundings start."""
    sizes = np.nan_to_num(np.abs(x), posinf=0.0)
    *row, frame = np.unravel_index(int(sizes.argmax()), x.shape)
    return tuple(int(index) for index in row), max(int(frame) - PROBE_FRAMES // 2, 0)


def _explain_affine(case: LayerCase, reference: Array, candidate: Array) -> Iterator[Explanation]:
    """gain * reference + offset."""
    if reference.shape != candidate.shape or reference.size < 8 or not np.isfinite(candidate).all():
        return
    mean, spread = reference.mean(), reference.std()
    if spread == 0:
        return
    gain = float(np.mean((reference - mean) * (candidate - candidate.mean())) / spread**2)
    offset = float(candidate.mean() - gain * mean)
    is_wave = bool(WAVE_LAYERS.search(case.module.type) or WAVE_LAYERS.search(case.path))
    if is_wave and gain > 0:
        message = f"its signal is {gain:.4g} times the reference's"
        yield Explanation(
            "istft-normalisation",
            {"gain": gain},
            relative_error(gain * reference, candidate),
            message,
            fix=f"divide by the summed squared window (gain {1 / gain:.4g})",
            complexity=2,
        )
    if abs(offset) > 1e-4 * spread:
        message = f"it computes {gain:.4g} * x {offset:+.4g} of what the reference has"
        yield Explanation(
            "transform-invented",
            {"gain": gain, "offset": offset},
            relative_error(gain * reference + offset, candidate),
            message,
            fix="remove the transform",
            complexity=3,
        )
