from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.finding import Finding
from auscult.rules.sound import snd061_companded_suspected as rule
from auscult.rules.sound.snd037_companded import compress, expand
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording
from tests.sound.mel_grid import sound

RATE = 16000
VOICE = sound(RATE, 2.0, 7).samples[0].astype(np.float64)
VOICE = np.convolve(VOICE, np.hanning(12), mode="same")
VOICE = 0.6 * VOICE / np.abs(VOICE).max()


def find(samples: NDArray[np.floating]) -> list[Finding]:
    recording = Recording(samples[None].astype(np.float32), RATE, "x")
    return [each for each in rule.check(SoundSubject(recording)) if isinstance(each, Finding)]


@pytest.mark.parametrize(("curve", "direction"), [(compress, "compressed"), (expand, "expanded")])
@pytest.mark.parametrize("gain", [0.1, 0.9])
def test_a_curve_is_told_from_its_inverse(
    curve: Callable[[NDArray[np.float64]], NDArray[np.float64]], direction: str, gain: float
) -> None:
    bent = curve(VOICE)
    (finding,) = find(gain * bent / np.abs(bent).max())
    assert finding.evidence["curve"] == direction


def test_a_straight_or_a_clipped_voice_is_not_bent() -> None:
    assert find(VOICE) == []
    assert find(np.clip(3 * VOICE, -0.6, 0.6)) == []
    assert find(np.tanh(4 * VOICE)) == []


def test_noise_is_no_curve() -> None:
    assert find(0.1 * np.random.default_rng(0).standard_normal(RATE)) == []
