"""Transforms of the whole tensor: lag, gain and offset, reversed or exchanged axes, another way to make it longer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations, product

import numpy as np

from auscult.explain.algebra.layers import PaddingMode, pad
from auscult.explain.algebra.nearness import energy, error, least_error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
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
WAVE = re.compile(r"i_?stft|inverse_?stft|spectrogram|head", re.IGNORECASE)
LAST = re.compile(
    r"LSTM|GRU|RNN|Linear|LayerNorm|RMSNorm|Embedding|Attention", re.IGNORECASE
)  # channels are the last axis
MIN_COMMON = 8
MAX_EDGE = 64
PROBE = 256
"""Frames of the loudest channel by which most lags are ruled out."""
MODES: tuple[PaddingMode, ...] = ("zeros", "reflect", "replicate", "circular")


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if (
        case.reference.dtype.kind not in "f"
        or case.candidate.dtype.kind not in "f"
        or case.reference.ndim != case.candidate.ndim
    ):
        return
    limit = candidate_limit(case, floor)
    yield from _padded(case, limit)
    yield from _lengthened(case, limit)
    right, got = real(case.reference), real(case.candidate)
    yield from _reversed(case, right, got)
    yield from _exchanged(case, right, got)
    yield from _blanked(case, right, got)
    yield from _edges(case, right, got, limit)
    yield from _lag(case, right, got, limit)
    yield from _affine(case, right, got)


def _padded(case: LayerCase, limit: float) -> Iterator[Explanation]:
    """What reaches a layer is a known tensor padded: by how much, on which side, with what."""
    if not case.role.startswith("input"):
        return
    for name, value in case.context.items():
        if value.dtype.kind != "f" or value.ndim != case.reference.ndim:
            continue
        rights = list(_paddings(real(case.reference), real(value), reference_limit(case)))
        for left, end, mode, _ in rights[:1]:
            for at, after, how, residual in _paddings(real(case.candidate), real(value), limit):
                if (at, after, how) == (left, end, mode):
                    continue
                cause = (
                    "padding-mode"
                    if (how != mode and at == left) or (at, after) == (left + end, 0)
                    else "stride-padding"
                )
                says = f"it pads {name} by {at} left and {after} right with {how}, the reference by {left} and {end} with {mode}"
                sides = {"reference": [left, end, mode], "candidate": [at, after, how]}
                yield Explanation(
                    cause, sides, residual, says, fix=f"pad ({left}, {end}) with {mode}"
                )


def _paddings(
    target: Array, value: Array, limit: float
) -> Iterator[tuple[int, int, PaddingMode, float]]:
    for turned in [value] + ([value.swapaxes(1, 2)] if value.ndim == 3 else []):
        axis = next(
            (
                a
                for a in range(1, target.ndim)
                if target.shape[:a] + target.shape[a + 1 :]
                == turned.shape[:a] + turned.shape[a + 1 :]
            ),
            None,
        )
        if axis is None or not 0 <= (total := target.shape[axis] - turned.shape[axis]) <= 64:
            continue
        wanted, x = np.moveaxis(target, axis, -1), np.moveaxis(turned, axis, -1)
        for left in range(total + 1):
            if error(wanted[..., left : left + x.shape[-1]], x) > limit:
                continue
            for mode in MODES if total else MODES[:1]:
                made = pad(x, left, total - left, mode)
                if made is not None and (missed := error(made, wanted)) <= limit:
                    yield left, total - left, mode, missed
            return


def _lengthened(case: LayerCase, limit: float) -> Iterator[Explanation]:
    """Interpolation: nearest, linear (two conventions of the ends), repeated as a whole, zeros between."""
    sources = {**case.inputs, **case.context}.items()
    for name, value in sources:
        if value.dtype.kind != "f" or value.ndim != case.reference.ndim:
            continue
        rights = [
            how
            for how, missed in _ways(real(value), real(case.reference))
            if missed <= reference_limit(case)
        ]
        for how, missed in _ways(real(value), real(case.candidate)) if rights else ():
            if missed <= limit and how not in rights:
                says = f"it makes {name} longer by {how}, the reference by {rights[0]}"
                yield Explanation(
                    "upsample-mode",
                    {"reference": rights[0], "candidate": how},
                    missed,
                    says,
                    fix=f"upsample by {rights[0]}",
                )


def _ways(value: Array, target: Array) -> Iterator[tuple[str, float]]:
    for turned in [value] + ([value.swapaxes(1, 2)] if value.ndim == 3 else []):
        for axis in range(1, target.ndim):
            rest = (
                target.shape[:axis] + target.shape[axis + 1 :]
                == turned.shape[:axis] + turned.shape[axis + 1 :]
            )
            if (
                not rest
                or target.shape[axis] <= turned.shape[axis]
                or target.shape[axis] % turned.shape[axis]
            ):
                continue
            x, wanted = np.moveaxis(turned, axis, -1), np.moveaxis(target, axis, -1)
            for how, made in upsampled(x, wanted.shape[-1] // x.shape[-1]).items():
                yield how, error(made, wanted)


def upsampled(x: Array, factor: int) -> dict[str, Array]:
    """x [..., time] made `factor` times longer, by each usual method."""
    count = x.shape[-1]
    zeros = np.zeros((*x.shape, factor))
    zeros[..., 0] = x
    whole = (np.arange(count * factor) + 0.5) / factor - 0.5
    corners = np.linspace(0, count - 1, count * factor)
    return {
        "nearest": np.repeat(x, factor, -1),
        "linear": _interpolated(x, np.clip(whole, 0, count - 1)),
        "linear with aligned corners": _interpolated(x, corners),
        "repeating the whole": np.tile(x, (1,) * (x.ndim - 1) + (factor,)),
        "zeros between": zeros.reshape(*x.shape[:-1], -1),
    }


def _interpolated(x: Array, at: Array) -> Array:
    low = np.minimum(at.astype(int), x.shape[-1] - 1)
    high = np.minimum(low + 1, x.shape[-1] - 1)
    part = at - low
    return np.asarray(x[..., low] * (1 - part) + x[..., high] * part)


def _exchanged(case: LayerCase, right: Array, got: Array) -> Iterator[Explanation]:
    """Two to four blocks of channels, concatenated in another order."""
    if right.shape != got.shape or not case.role.startswith("input"):
        return
    for axis in range(1, right.ndim):
        for count in (2, 3, 4):
            if right.shape[axis] % count:
                continue
            blocks = np.split(right, count, axis)
            for order in permutations(range(count)):
                if order != tuple(range(count)):
                    residual = error(np.concatenate([blocks[i] for i in order], axis), got)
                    says = f"it concatenates the {count} parts of axis {axis} in the order {list(order)}"
                    fix = "concatenate in the reference's order"
                    yield Explanation(
                        "skip-order",
                        {"axis": axis, "order": order},
                        residual,
                        says,
                        fix=fix,
                        complexity=2,
                    )


def _blanked(case: LayerCase, right: Array, got: Array) -> Iterator[Explanation]:
    """A part of a concatenation, one that is known, is zero in the candidate."""
    if right.shape != got.shape or not case.role.startswith("input"):
        return
    for axis in range(1, right.ndim):
        others = tuple(a for a in range(right.ndim) if a != axis)
        lost = np.flatnonzero(right.any(others) & ~got.any(others))
        if not 0 < len(lost) < right.shape[axis] or lost[-1] - lost[0] >= len(lost):
            continue
        part, empty = np.moveaxis(right, axis, 1)[:, lost], np.moveaxis(right, axis, 1).copy()
        empty[:, lost] = 0
        residual = error(np.moveaxis(empty, 1, axis), got)
        for name, value in case.context.items():
            if (
                value.ndim == part.ndim
                and value.dtype.kind == "f"
                and any(_paddings(part, real(value), reference_limit(case)))
            ):
                says = f"it concatenates zeros in place of {name} (axis {axis}, {lost[0]} to {lost[-1]})"
                yield Explanation(
                    "branch-missing",
                    {"lost": name},
                    residual,
                    says,
                    fix=f"concatenate {name} here",
                    complexity=1,
                )
                break


def _edges(case: LayerCase, right: Array, got: Array, limit: float) -> Iterator[Explanation]:
    """The same inside, but padded otherwise: what the reference padded with zeros shows at its ends."""
    if not case.role.startswith("input") or right.ndim < 3:
        return
    for axis in range(1, right.ndim):
        one, two = np.moveaxis(right, axis, -1), np.moveaxis(got, axis, -1)
        left, end = _zeros(one), _zeros(one[..., ::-1])
        inside = one[..., left : one.shape[-1] - end]
        if one.shape[:-1] != two.shape[:-1] or not left + end or inside.shape[-1] < MIN_COMMON:
            continue
        total = two.shape[-1] - inside.shape[-1]
        for at, mode in product(range(total + 1), MODES):
            made = pad(inside, at, total - at, mode)
            if made is None or (at, total - at, mode) == (left, end, "zeros"):
                continue
            causal = (0 in (left, end)) != (0 in (at, total - at))
            cause = "padding-mode" if causal or mode != "zeros" else "stride-padding"
            says = f"it pads {at} left and {total - at} right with {mode}, the reference {left} and {end} with zeros"
            sides = {"reference": [left, end, "zeros"], "candidate": [at, total - at, mode]}
            residual = error(made, two)
            if residual <= limit:
                yield Explanation(
                    cause, sides, residual, says, fix=f"pad ({left}, {end}) with zeros"
                )


def _zeros(x: Array) -> int:
    """How many frames at the start are all zero."""
    return next(
        (frame for frame in range(min(MAX_EDGE, x.shape[-1])) if x[..., frame, None].any()), 0
    )


def _reversed(case: LayerCase, right: Array, got: Array) -> Iterator[Explanation]:
    if right.shape != got.shape or right.ndim < 2:
        return
    channels = (right.ndim - 1) if LAST.search(case.module.type) else 1
    for axis in range(1, right.ndim):
        cause, what = (
            ("channels-reversed", "channels") if axis == channels else ("time-reversed", "frames")
        )
        yield Explanation(
            cause,
            {"axis": axis},
            error(np.flip(right, axis), got),
            f"its {what} run backwards",
            fix=f"flip axis {axis}",
            complexity=2,
        )


def _lag(case: LayerCase, right: Array, got: Array, limit: float) -> Iterator[Explanation]:
    """The same but for some frames at the start: what both have agrees."""
    axis = right.ndim - 1
    unequal = [a for a in range(right.ndim) if right.shape[a] != got.shape[a]]
    if unequal:
        axis = unequal[0]
    if len(unequal) > 1 or axis == 0:
        return
    one, two = np.moveaxis(right, axis, -1), np.moveaxis(got, axis, -1)
    wave = bool(WAVE.search(case.module.type) or WAVE.search(case.path))
    longest = one.shape[-1] // 2
    row, place = _loudest(two)
    whole, mine, theirs = energy(one), one[row], two[row]
    for lag in sorted(range(-longest, longest + 1), key=abs):
        start, other = max(lag, 0), max(-lag, 0)
        common = min(one.shape[-1] - start, two.shape[-1] - other)
        if common < max(MIN_COMMON, one.shape[-1] // 4) or (lag == 0 and not unequal):
            continue
        probe = slice(max(place, other), min(place + PROBE, other + common))
        at = slice(probe.start + lag, max(probe.stop, probe.start) + lag)
        if least_error(theirs[probe], mine[at], whole) > limit:
            continue
        residual = error(two[..., other : other + common], one[..., start : start + common])
        if residual <= limit:
            cause = "istft-trim" if wave else "stride-padding"
            side, remedy = ("early", "less") if lag > 0 else ("late", "more")
            says = (
                f"it is the reference {abs(lag)} frames {side}, "
                if lag
                else "it is the reference from its start, "
            )
            says += f"{two.shape[-1]} long instead of {one.shape[-1]}"
            sides = {"lag": -lag, "length": [one.shape[-1], two.shape[-1]]}
            fix = (
                f"cut {abs(lag)} frames {remedy} at the start"
                if lag
                else f"let it be {one.shape[-1]} frames long"
            )
            yield Explanation(cause, sides, residual, says, fix=fix, complexity=2)
            return


def _loudest(x: Array) -> tuple[tuple[int, ...], int]:
    """The row of x [..., time] with the largest finite sample, and where its surroundings start."""
    sizes = np.nan_to_num(np.abs(x), posinf=0.0)
    *row, frame = np.unravel_index(int(sizes.argmax()), x.shape)
    return tuple(int(index) for index in row), max(int(frame) - PROBE // 2, 0)


def _affine(case: LayerCase, right: Array, got: Array) -> Iterator[Explanation]:
    """gain * reference + offset."""
    if right.shape != got.shape or right.size < 8 or not np.isfinite(got).all():
        return
    mean, spread = right.mean(), right.std()
    if spread == 0:
        return
    gain = float(np.mean((right - mean) * (got - got.mean())) / spread**2)
    offset = float(got.mean() - gain * mean)
    wave = bool(WAVE.search(case.module.type) or WAVE.search(case.path))
    if wave and gain > 0:
        says = f"its signal is {gain:.4g} times the reference's"
        yield Explanation(
            "istft-normalisation",
            {"gain": gain},
            error(gain * right, got),
            says,
            fix=f"divide by the summed squared window (gain {1 / gain:.4g})",
            complexity=2,
        )
    if abs(offset) > 1e-4 * spread:
        says = f"it computes {gain:.4g} * x {offset:+.4g} of what the reference has"
        yield Explanation(
            "transform-invented",
            {"gain": gain, "offset": offset},
            error(gain * right + offset, got),
            says,
            fix="remove the transform",
            complexity=3,
        )
