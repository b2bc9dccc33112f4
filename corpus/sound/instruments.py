"""Instrument-like notes from code: plucked, struck, bowed, blown, and drums. Each note wavers and differs from the last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Note = Callable[[np.random.Generator, float, int, int], Floats]

SCALE = (0, 2, 4, 5, 7, 9, 11, 12)


def play_plucked(rng: np.random.Generator, hertz: float, length: int, sample_rate: int) -> Floats:
    """Karplus & Strong's string: a burst of noise in a loop that loses its treble."""
    from scipy.signal import lfilter

    period = max(2, round(sample_rate / hertz))
    burst = np.zeros(length)
    noise = rng.uniform(-1, 1, period)
    burst[:period] = (noise - noise.mean())[:length]  # the loop keeps a mean for ever
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1.0, -0.498, -0.498
    return np.asarray(lfilter([1.0], loop, burst))


def play_struck(rng: np.random.Generator, hertz: float, length: int, sample_rate: int) -> Floats:
    """Slightly stretched partials, each with its own decay, and the thud of the hammer."""
    time = np.arange(length) / sample_rate
    total = np.zeros(length)
    for number in range(1, 24):
        partial = hertz * number * np.sqrt(1 + 3e-4 * number**2)
        if partial < 0.47 * sample_rate:
            total += (
                np.exp(-time * (1.0 + 0.6 * number))
                / number
                * np.sin(2 * np.pi * partial * time + rng.uniform(0, 6.28))
            )
    return total + 0.3 * np.exp(-time * 80) * rng.standard_normal(length)


def play_bell(rng: np.random.Generator, hertz: float, length: int, sample_rate: int) -> Floats:
    """Inharmonic partials that ring."""
    time = np.arange(length) / sample_rate
    total = np.zeros(length)
    for ratio in (0.5, 1.0, 1.19, 1.56, 2.0, 2.51, 2.66, 3.01, 4.1):
        if hertz * ratio < 0.47 * sample_rate:
            total += (
                np.exp(-time * ratio * 1.5)
                * np.sin(2 * np.pi * hertz * ratio * time + rng.uniform(0, 6.28))
                / (1 + ratio)
            )
    return total + 0.1 * np.exp(-time * 200) * rng.standard_normal(length)


def play_bowed(rng: np.random.Generator, hertz: float, length: int, sample_rate: int) -> Floats:
    """Many partials with vibrato, a slow attack, and rosin noise."""
    time = np.arange(length) / sample_rate
    phase = 2 * np.pi * hertz * time + 3.0 * np.sin(
        2 * np.pi * rng.uniform(4.5, 6.5) * time + rng.uniform(0, 6.28)
    )
    total = np.zeros(length)
    for number in range(1, min(80, int(0.42 * sample_rate / hertz)) + 1):
        total += np.sin(number * phase + rng.uniform(0, 6.28)) / number**1.1
    rosin = 0.03 * rng.standard_normal(length)
    return (total + rosin) * _make_envelope(length, sample_rate, rng.uniform(0.05, 0.15), 0.1)


def play_blown(rng: np.random.Generator, hertz: float, length: int, sample_rate: int) -> Floats:
    """Few partials, a wavering pitch, and breath."""
    time = np.arange(length) / sample_rate
    wander = np.cumsum(rng.standard_normal(length)) / sample_rate * 20.0
    phase = 2 * np.pi * hertz * time + wander
    total = sum(
        np.sin(number * phase) * weight for number, weight in enumerate((1.0, 0.4, 0.25, 0.1), 1)
    )
    breath = 0.05 * rng.standard_normal(length)
    return np.asarray(
        (total + breath) * _make_envelope(length, sample_rate, rng.uniform(0.03, 0.1), 0.08)
    )


INSTRUMENTS: dict[str, Note] = {
    "plucked": play_plucked,
    "struck": play_struck,
    "bell": play_bell,
    "bowed": play_bowed,
    "blown": play_blown,
}


def play_melody(
    rng: np.random.Generator,
    instrument: str,
    root: float,
    note_seconds: float,
    *,
    length: int,
    sample_rate: int,
) -> Floats:
    """A tune on the major scale above `root`, some notes left out, [length]."""
    total = np.zeros(length)
    step = max(1, int(note_seconds * sample_rate))
    for start in range(0, length, step):
        if rng.random() < 0.15 and start > 0:
            continue
        span = min(int(step * rng.uniform(0.9, 2.0)), length - start)
        hertz = root * 2.0 ** (int(rng.choice(SCALE)) / 12)
        note = INSTRUMENTS[instrument](rng, hertz, span, sample_rate)
        total[start : start + span] += (
            rng.uniform(0.4, 1.0) * note * _make_release(span, sample_rate)
        )
    return total / max(float(np.abs(total).max()), 1e-9)


def play_drums(rng: np.random.Generator, beat: float, length: int, sample_rate: int) -> Floats:
    """A bass drum on the beat, a snare between, a hat on the halves, [length]."""
    total = np.zeros(length)
    half = max(1, int(beat * sample_rate / 2))
    for number, start in enumerate(range(0, length, half)):
        span = min(int(0.3 * sample_rate), length - start)
        time = np.arange(span) / sample_rate
        hit = 0.2 * np.exp(-time * 60) * np.diff(rng.standard_normal(span + 1))
        if number % 4 == 0:
            hit = hit + np.exp(-time * 12) * np.sin(
                2 * np.pi * (50 * time + 8 * (1 - np.exp(-time * 30)))
            )
        elif number % 4 == 2:
            hit = hit + 0.5 * np.exp(-time * 20) * rng.standard_normal(span)
        total[start : start + span] += rng.uniform(0.6, 1.0) * hit
    return total


def _make_envelope(length: int, sample_rate: int, attack: float, release: float) -> Floats:
    time = np.arange(length) / sample_rate
    return np.asarray(
        np.minimum(1.0, time / attack) * np.minimum(1.0, (length / sample_rate - time) / release)
    )


def _make_release(length: int, sample_rate: int) -> Floats:
    """5 ms to nothing at the end, so that a note is damped and not cut."""
    remaining_seconds = np.arange(length, 0, -1) / sample_rate
    return np.asarray(np.minimum(1.0, remaining_seconds / 0.005))
