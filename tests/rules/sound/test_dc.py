import numpy as np
from numpy.typing import NDArray

from auscult.rules.sound import snd011_dc as rule
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording

TIME = np.arange(32000) / 16000
LOUDNESS = 0.02 + np.square(np.sin(2 * np.pi * TIME))
WAVE = np.sin(2 * np.pi * 220 * TIME)


def is_told(samples: NDArray[np.float64]) -> bool:
    return bool(
        [*rule.check(SoundSubject(Recording(samples[None].astype(np.float32), 16000, "x")))]
    )


def test_a_constant_under_a_sound_that_comes_and_goes() -> None:
    assert is_told(0.3 * LOUDNESS * WAVE + 0.05)
    assert not is_told(0.3 * LOUDNESS * WAVE)


def test_the_mean_of_a_lopsided_wave_goes_with_its_loudness() -> None:
    assert not is_told(0.3 * LOUDNESS * (WAVE + np.square(WAVE)))
