import numpy as np
from numpy.typing import NDArray

from auscult.rules.sound import snd009_clipping as rule
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording

LOUD = np.tanh(np.random.default_rng(1).standard_normal(40000) * 0.5)


def code_as_mu_law(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples on 256 levels of mu-law, [time]."""
    compressed = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    levels = np.round(compressed * 127) / 127
    return np.asarray(np.sign(levels) * (256 ** np.abs(levels) - 1) / 255)


def is_told(samples: NDArray[np.float64]) -> bool:
    return bool([*rule.check(SoundSubject(Recording(samples[None].astype(np.float32), 8000, "x")))])


def test_loud_sound_on_the_levels_of_mu_law_is_not_cut() -> None:
    assert not is_told(LOUD)
    assert not is_told(code_as_mu_law(LOUD))


def test_what_is_cut_before_it_is_coded_is_told() -> None:
    assert is_told(np.clip(LOUD, -0.5, 0.5))
    assert is_told(code_as_mu_law(np.clip(LOUD, -0.5, 0.5)))


def test_a_few_flat_peaks_are_told_and_one_is_not() -> None:
    time = np.arange(40000)
    sine = 0.5 * np.sin(time / 9.3)
    sine[-400:] *= 2.4
    assert is_told(np.clip(sine, -0.99, 0.99))
    assert not is_told(sine)
