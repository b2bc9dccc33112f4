import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("espeakng_loader")

from auscult.finding import Finding, Severity
from auscult.rules.sound import snd062_window_ripple as rule
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.recording import Recording
from corpus.sound.material import make_speech

RATE = 16000
VOICE = make_speech(71, RATE, seconds=6.0).recording.samples[0]


def add_windows(hop: int) -> NDArray[np.float64]:
    """What squared Hann windows of 1,024 samples add up to, [time]."""
    total = np.zeros(len(VOICE) + 1024)
    for start in range(0, len(VOICE), hop):
        total[start : start + 1024] += np.hanning(1025)[:-1] ** 2
    return total[: len(VOICE)]


def find(samples: NDArray[np.floating], hop: int | None = None) -> list[Finding]:
    recording = Recording(samples[None].astype(np.float32), RATE, "x")
    subject = SoundSubject(recording, facts=SoundFacts(hop=hop))
    return [each for each in rule.check(subject) if isinstance(each, Finding)]


def test_windows_that_do_not_add_up() -> None:
    (finding,) = find(VOICE * add_windows(512))
    assert finding.evidence["period"] == 512
    assert finding.severity is Severity.WARNING
    (finding,) = find(VOICE * add_windows(512), hop=512)
    assert finding.severity is Severity.ERROR


def test_windows_that_add_up_and_a_tone_of_that_period() -> None:
    assert find(VOICE) == []
    assert find(VOICE * add_windows(256)) == []
    assert find(np.sin(2 * np.pi * np.arange(4 * RATE) / 320)) == []


def test_a_hop_that_is_known_is_the_only_one() -> None:
    assert find(VOICE * add_windows(512), hop=300) == []


def test_a_model_whose_strides_make_the_hop_has_no_windows() -> None:
    recording = Recording((VOICE * add_windows(512))[None].astype(np.float32), RATE, "x")
    assert [*rule.check(SoundSubject(recording, facts=SoundFacts(hop=512, strides=(8, 8, 2))))]
    assert not [*rule.check(SoundSubject(recording, facts=SoundFacts(hop=512, strides=(8, 8, 8))))]
