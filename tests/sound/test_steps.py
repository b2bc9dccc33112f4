"""Where the lag changes: what is missing at an end is no step, what is missing between is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.sound.steps import find_steps

RATE = 16000


def make_sound() -> NDArray[np.float32]:
    """Two seconds of noise of which half a second comes twice."""
    sound = np.random.default_rng(4).standard_normal(2 * RATE).astype(np.float32)
    sound[24000:32000] = sound[16000:24000]
    return sound


def test_a_missing_end_that_is_like_another_place_is_no_step() -> None:
    sound = make_sound()
    assert find_steps(sound[:24000], sound, RATE, 0).steps == ()


def test_samples_missing_before_the_end_are_a_step() -> None:
    sound = make_sound()
    cut = np.concatenate([sound[:6000], sound[8000:]])
    assert [step.count for step in find_steps(cut, sound, RATE, 0).steps] == [-2000]
