from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from auscult.rules.sound.snd028_echo import find_echo

RATE = 16000
NOISE = np.random.default_rng(3).standard_normal(3 * RATE).astype(np.float32)


def add_copies(shares: Mapping[int, float]) -> NDArray[np.float32]:
    """Noise, and so much of it again at each delay in samples, [time]."""
    samples = NOISE.copy()
    for delay, share in shares.items():
        samples[delay:] += np.float32(share) * NOISE[:-delay]
    return samples


def test_one_copy_is_an_echo_and_a_comb_of_copies_is_none() -> None:
    delay, height, _ = find_echo(add_copies({400: 0.3}), RATE)
    assert delay == 400 / RATE
    assert height > 0.2
    assert find_echo(add_copies({200: 0.2, 300: 0.2, 400: 0.4}), RATE)[1] == 0
    assert find_echo(NOISE, RATE)[1] < 0.1
