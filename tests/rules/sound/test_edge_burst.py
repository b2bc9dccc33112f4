import numpy as np
from numpy.typing import NDArray

from auscult.rules.sound.snd025_edge_burst import find_bursts

RATE = 24000
RANDOM = np.random.default_rng(2)
TIME = np.arange(2 * RATE) / RATE
LOPSIDED = 0.2 * np.square(np.sin(2 * np.pi * 120 * TIME)) * np.hanning(len(TIME))


def put_behind_silence(burst: NDArray[np.float64]) -> NDArray[np.float64]:
    """A burst, 0.15 s of nearly nothing, and a wave whose mean is not zero; the mean is taken off, [time]."""
    samples = np.concatenate([RANDOM.standard_normal(RATE // 6) * 1e-4, LOPSIDED])
    samples[: len(burst)] = burst
    return np.asarray(samples - samples.mean())


def test_a_faint_burst_before_a_lopsided_sound() -> None:
    square = 0.005 * np.sign(np.sin(2 * np.pi * 500 * np.arange(192) / RATE) + 1e-9)
    start, end = find_bursts(put_behind_silence(square), RATE)
    assert start is not None
    assert 3 <= start <= 6
    assert end is None


def test_silence_before_the_same_sound_is_no_burst() -> None:
    assert find_bursts(put_behind_silence(np.zeros(0)), RATE) == (None, None)
