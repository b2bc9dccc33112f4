"""What people heard before there was a tool, made anew: each is recognised by listening alone, or with the little they had."""

from __future__ import annotations

import numpy as np
import pytest

from auscult import data
from auscult.finding import Severity
from auscult.rules.sound.subject import SoundFacts
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording, read_recording
from auscult.verbs.listen.listen import listen
from auscult.verdict import Report
from corpus.sound.judge import round_to_int16
from corpus.sound.plant import replace_samples
from corpus.sound.plants import frame_seams, time_stretch

RATE = 16000


@pytest.fixture(scope="module")
def spoken() -> Recording:
    return read_recording(data.path(data.SENTENCE))


def named(report: Report) -> set[str]:
    """What is reported as an error or warning."""
    return {finding.cause for finding in report.findings if finding.severity is not Severity.INFO}


@pytest.mark.parametrize(
    "facts", [SoundFacts(), SoundFacts(sample_rate=22050, hop=256, strides=(8, 8, 2, 2))]
)
def test_a_buzz_from_random_weights(spoken: Recording, facts: SoundFacts) -> None:
    torch = pytest.importorskip("torch")
    from auscult.families.hifigan.config import Config
    from auscult.families.hifigan.torch import build

    torch.manual_seed(3)
    model = build(Config(channels=(32, 16, 8, 8, 8))).eval()
    mel = mel_spectrogram(spoken.resample(22050).mono, MelDefinition(sample_rate=22050)).astype(
        np.float32
    )
    with torch.no_grad():
        samples = model(torch.from_numpy(mel)[None])[0, 0].numpy()
    first = listen(Recording.from_mono(samples, 22050), facts=facts).findings[0]
    assert (first.cause, first.severity) == ("buzz", Severity.ERROR)
    assert first.evidence["frame_rate_hz"] == pytest.approx(22050 / 256)
    assert {"flat-mel", "dc"} <= set(first.evidence["explains"])


def test_a_chipmunk(spoken: Recording) -> None:
    fast = Recording(spoken.samples, 22050, "fast.wav")
    (measured,) = listen(fast, reference=spoken).findings
    assert measured.cause == "sample-rate-label"
    assert "16000 Hz samples labelled 22050 Hz" in measured.message
    assert listen(fast, facts=SoundFacts(sample_rate=RATE)).findings[0].cause == "sample-rate-label"


def test_a_phone_line(spoken: Recording) -> None:
    import soxr

    low = soxr.resample(
        soxr.resample(spoken.samples.T, RATE, 7000, quality="VHQ"), 7000, RATE, quality="VHQ"
    ).T
    assert named(listen(round_to_int16(replace_samples(spoken, low)))) == {"band-limited"}


@pytest.mark.parametrize("seed", [2, 3])
def test_it_flickers_in_slow_motion(spoken: Recording, seed: int) -> None:
    """Of these seeds every frame comes from a little too early, and none is only too quiet."""
    hop = frame_seams.facts(spoken, np.random.default_rng(seed)).hop
    flickering = round_to_int16(frame_seams.plant(spoken, 1.0, np.random.default_rng(seed)))
    slow = Recording(flickering.samples, 11025, "slow.wav")
    assert named(listen(slow, facts=SoundFacts(sample_rate=RATE, hop=hop))) == {
        "frame-seams",
        "sample-rate-label",
    }


def test_slow_motion_at_its_pitch(spoken: Recording) -> None:
    slow = time_stretch.plant(spoken, 0.667, np.random.default_rng(0))
    assert listen(slow, reference=spoken).findings[0].cause == "time-stretch"


def test_noise_from_a_mel_of_start_noise() -> None:
    pytest.importorskip("torch")
    from corpus.sound.coded import load_vocoder

    reading, config = load_vocoder()
    mel = np.random.default_rng(0).standard_normal((reading.mel.n_mels, 400)).astype(np.float32)
    sound = Recording.from_mono(reading.render(config, mel), RATE)
    first = listen(sound, facts=SoundFacts(hop=reading.mel.hop)).findings[0]
    assert (first.cause, first.severity) == ("noise", Severity.ERROR)
    assert "flat-mel" in first.evidence["explains"]
    first = listen(sound).findings[0]  # by itself it may be rain
    assert (first.cause, first.severity) == ("noise", Severity.WARNING)
    assert {"flat-mel", "imaging"} <= set(first.evidence["explains"])


def test_an_amplitude_that_collapsed_to_an_offset(spoken: Recording) -> None:
    collapsed = round_to_int16(replace_samples(spoken, 0.004 * spoken.samples + 0.02))
    assert listen(collapsed).findings[0].cause == "dc"
    assert named(listen(collapsed, reference=spoken)) == {"dc", "gain"}
