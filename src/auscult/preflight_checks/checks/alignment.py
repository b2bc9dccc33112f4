"""Does the target belong to the input?

Cross-correlation for waveforms, learnability against exchanged targets for all.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from auscult.facts.windows import make_symmetric_hann
from auscult.preflight_checks.records import TargetAlignment
from auscult.preflight_checks.setup import Setup, as_wave

BANDS = 8
SHUFFLES = 5
CONTEXT_SHIFTS = (-1, 0, 1)
RIDGE = 0.1
FRAME_LENGTH = 256
"""Samples per frame where the input is a waveform."""
MIN_FRAMES = 24

Frames = NDArray[np.float64]


def measure_alignment(setup: Setup) -> TargetAlignment | None:
    """Compare the batch's input with its target; None where there are not both."""
    if setup.target is None or setup.source is None:
        return None
    source, target = setup.source, as_wave(setup.target)
    if source is setup.target or (
        source.shape == setup.target.shape and bool((source == setup.target).all())
    ):
        return TargetAlignment(identical=True)
    if not source.is_floating_point():
        return None
    waves = as_wave(source)
    is_wave = (
        source.ndim <= 3
        and waves.shape[1] <= 2
        and 0.9 <= waves.shape[-1] / target.shape[-1] <= 1.1
    )
    if is_wave:
        lag, correlation = correlate_waves(_mix_to_mono(waves), _mix_to_mono(target))
    else:
        lag, correlation = (setup.delay, 0.0)
    lag -= setup.delay
    x, y = _extract_frames(waves if is_wave else source, target, is_wave=is_wave)
    if sum(len(item) for item in x) < MIN_FRAMES:
        return TargetAlignment(False, lag, correlation)
    learnable, shuffled = measure_learnability(x, y)
    return TargetAlignment(
        False, lag, round(correlation, 4), round(learnable, 4), round(shuffled, 4)
    )


def _mix_to_mono(wave: Tensor) -> Frames:
    return np.asarray(wave.detach().cpu().double().mean(dim=1).numpy())


def correlate_waves(a: Frames, b: Frames) -> tuple[int, float]:
    """Samples by which b [items, time] is later than a, where their normalised correlation over all
    items is highest.
    """
    time = min(a.shape[-1], b.shape[-1])
    x, y = (side[:, :time] - side[:, :time].mean(axis=1, keepdims=True) for side in (a, b))
    size = 2 * time
    product = (np.conj(np.fft.rfft(x, size)) * np.fft.rfft(y, size)).sum(axis=0)
    curve = np.fft.irfft(product, size)
    best = int(np.argmax(np.abs(curve)))
    scale = np.sqrt((x**2).sum() * (y**2).sum())
    return (best if best < time else best - size), float(curve[best] / scale) if scale > 0 else 0.0


def _extract_frames(
    source: Tensor, target: Tensor, *, is_wave: bool
) -> tuple[list[Frames], list[Frames]]:
    """Per item, features of the input [frames, n] and log band energies of the target [frames,
    BANDS], frame by frame.
    """
    waves = _mix_to_mono(target)
    if is_wave:
        inputs = [compute_band_energies(row, FRAME_LENGTH) for row in _mix_to_mono(source)]
        hop = float(FRAME_LENGTH)
    else:
        features = source.detach().cpu().double().numpy()
        if features.ndim == 2:
            features = features[:, None]
        else:
            features = features.reshape(features.shape[0], -1, features.shape[-1])
        inputs = [np.asarray(item.T) for item in features]
        hop = waves.shape[-1] / inputs[0].shape[0]
    outputs = [compute_band_energies(row, hop) for row in waves]
    pairs = [(x[: len(y)], y[: len(x)]) for x, y in zip(inputs, outputs, strict=True)]
    return [x for x, _ in pairs], [y for _, y in pairs]


def compute_band_energies(row: Frames, hop: float) -> Frames:
    """Log energy [frames, BANDS] of the stretches of `hop` samples, in bands of equal numbers of
    octaves.
    """
    count = int(len(row) / hop)
    width = max(32, int(2 * hop))
    padded = np.pad(row, (width // 2, width))
    starts = (np.arange(count) * hop + hop / 2).astype(int)
    if count:
        frames = np.stack([padded[s : s + width] for s in starts])
    else:
        frames = np.zeros((0, width))
    power = np.abs(np.fft.rfft(frames * make_symmetric_hann(width), axis=1)) ** 2
    edges = np.unique(np.geomspace(1, power.shape[1], BANDS + 1).astype(int))
    bands = [power[:, a:b].sum(axis=1) for a, b in itertools.pairwise(edges)]
    energies = np.stack(bands, axis=1)
    return np.asarray(np.log(energies + 1e-6 * max(float(energies.max(initial=0.0)), 1e-12)))


def measure_learnability(inputs: list[Frames], outputs: list[Frames]) -> tuple[float, float]:
    """R² of a ridge regression on frames that it has not seen, and the highest with outputs
    exchanged.

    Outputs are exchanged between items, or turned in time where there is one item.
    """
    actual = _compute_r2(inputs, outputs)
    count = len(outputs)
    chance = []
    for turn in range(1, SHUFFLES + 1):
        if count > 1:
            moved = [outputs[(i + turn) % count] for i in range(count)]
        else:
            moved = outputs
        # turned in time as well, so that frames which all items share (a silent start) are no help
        moved = [np.roll(item, (turn * len(item)) // (SHUFFLES + 1), axis=0) for item in moved]
        lengths = [min(len(x), len(y)) for x, y in zip(inputs, moved, strict=True)]
        chance.append(
            _compute_r2(
                [x[:n] for x, n in zip(inputs, lengths, strict=True)],
                [y[:n] for y, n in zip(moved, lengths, strict=True)],
            )
        )
    return actual, max(chance)


def _compute_r2(inputs: list[Frames], outputs: list[Frames]) -> float:
    """R² on items that the regression has not seen (on the later halves, for one item), each item
    about its own mean.

    The means are left out because a level that differs from item to item would tell the items
    apart, not their times.
    """
    if len(inputs) == 1:
        half = len(inputs[0]) // 2
        inputs = [inputs[0][:half], inputs[0][half:]]
        outputs = [outputs[0][:half], outputs[0][half:]]
    rows = [_center_frames(_add_context(item)) for item in inputs]
    targets = [_center_frames(item) for item in outputs]
    scale = np.concatenate(rows).std(axis=0) + 1e-9
    error = total = 0.0
    for held_index in range(len(rows)):
        x = np.concatenate([row for i, row in enumerate(rows) if i != held_index]) / scale
        y = np.concatenate([row for i, row in enumerate(targets) if i != held_index])
        weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
        error += float(((targets[held_index] - rows[held_index] / scale @ weights) ** 2).sum())
        total += float((targets[held_index] ** 2).sum())
    if total > 0:
        return 1 - error / total
    return 0.0


def _center_frames(item: Frames) -> Frames:
    return np.asarray(item - item.mean(axis=0))


def _add_context(item: Frames) -> Frames:
    return np.concatenate([np.roll(item, shift, axis=0) for shift in CONTEXT_SHIFTS], axis=1)
