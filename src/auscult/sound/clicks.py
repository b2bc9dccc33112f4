"""Impulses that stand out of what is before and behind them, and bytes of headers among samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_SECONDS = 0.0015
"""Longest click. Chosen, not measured."""
NEAR_BLOCKS = 5
"""Blocks on each side that a click is set against, the next one left out. Chosen, not measured."""
FAR_BLOCKS = 20
"""The same for the wider surroundings. Chosen, not measured."""
QUIET_STEP = 1e-5
"""Added to the surroundings, so that silence divides by no zero. Chosen, not measured."""
GRID_TOLERANCE = 1e-3
"""Steps of 16 bits by which a sample may be off the grid. Chosen, not measured."""
RIFF_SAMPLES = 22
"""Samples of 16 bits that a plain header of 44 bytes makes.

Defined by the WAVE format: 12 bytes of RIFF, 24 of fmt, 8 of data.
"""
TRAILER_SAMPLES = 4
"""Samples of 16 bits that two size fields make. Defined by the WAVE format."""
SIZE_DIFFERENCE = 36
"""By which the RIFF size of a plain header is larger than that of its data.

Defined by the WAVE format.
"""


@dataclass(frozen=True, eq=False)
class ClickMeasures:
    """Of every block of a recording, [blocks].

    Attributes:
        near: Largest second difference against the root mean square of what is near.
        far: The same against the wider surroundings.
        share: Largest second difference against the recording's peak.
    """

    near: NDArray[np.float64]
    far: NDArray[np.float64]
    share: NDArray[np.float64]


def measure_clicks(bend: NDArray[np.floating], peak: float, rate: int) -> ClickMeasures | None:
    """Measure blocks of second differences [time]; None where there are too few."""
    size = max(int(BLOCK_SECONDS * rate), 6)
    count = len(bend) // size
    if count < FAR_BLOCKS or peak <= 0:
        return None
    blocks = np.abs(bend[: count * size]).reshape(count, size)
    highest = blocks.max(axis=1).astype(np.float64)
    power = np.square(blocks, dtype=np.float64).mean(axis=1)
    near, far = (_measure_surroundings(power, width) for width in (NEAR_BLOCKS, FAR_BLOCKS))
    return ClickMeasures(highest / near, highest / far, highest / peak)


def _measure_surroundings(power: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Root mean square of the louder side of each block, its neighbours left out."""
    total = np.concatenate([[0.0], np.cumsum(power)])
    place = np.arange(len(power))

    def measure_side(first: int, last: int) -> NDArray[np.float64]:
        start, stop = (np.clip(place + edge, 0, len(power)) for edge in (first, last))
        return np.asarray((total[stop] - total[start]) / np.maximum(stop - start, 1))

    louder = np.maximum(measure_side(-width - 1, -1), measure_side(2, width + 2))
    return np.asarray(np.sqrt(np.maximum(louder, 0)) + QUIET_STEP)


@dataclass(frozen=True)
class HeaderBytes:
    """Bytes of a WAV header among the samples.

    Attributes:
        place: First sample, counted over all channels as they lie in the file.
        count: Samples that they make.
        what: In words.
    """

    place: int
    count: int
    what: str


def find_header_bytes(samples: NDArray[np.float32]) -> list[HeaderBytes]:
    """Headers and size fields among samples [channels, time] that lie on the grid of 16 bits."""
    scaled = samples.T.reshape(-1) * np.float32(32768)
    rounded = np.rint(scaled)
    if len(rounded) < 2 * RIFF_SAMPLES or np.abs(scaled - rounded).max() > GRID_TOLERANCE:
        return []
    if np.abs(rounded).max() > 32768:
        return []
    words = np.clip(rounded, -32768, 32767).astype("<i2")
    return sorted([*_find_riff(words), *_find_size_fields(words)], key=lambda found: found.place)


def _find_riff(words: NDArray[np.int16]) -> list[HeaderBytes]:
    first, second = np.frombuffer(b"RIFF", "<i2")
    places = np.flatnonzero((words[:-1] == first) & (words[1:] == second))
    data = words.tobytes()
    found = []
    for place in places:
        if data[2 * place + 8 : 2 * place + 16] != b"WAVEfmt ":
            continue
        end = data.find(b"data", 2 * place, 2 * place + 4096)
        count = RIFF_SAMPLES if end < 0 else (end + 8 - 2 * place) // 2
        found.append(HeaderBytes(int(place), int(count), "a RIFF/WAVE header"))
    return found


def _find_size_fields(words: NDArray[np.int16]) -> list[HeaderBytes]:
    """Two size fields behind every chunk: the second is the number of bytes since the last one."""
    unsigned = words.view(np.uint16).astype(np.int64)
    pairs = unsigned[:-1] + (unsigned[1:] << 16)
    is_candidate = (pairs[:-2] - pairs[2:] == SIZE_DIFFERENCE) & (pairs[2:] > 0)
    found: list[HeaderBytes] = []
    start = 0
    for place in np.flatnonzero(is_candidate):
        if pairs[place + 2] == 2 * (place - start):
            found.append(HeaderBytes(int(place), TRAILER_SAMPLES, "the size fields of a header"))
            start = int(place) + TRAILER_SAMPLES
    return found
