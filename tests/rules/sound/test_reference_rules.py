"""What the rules with a reference find: every plant at its audible strength, and nothing in what is the same."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest

from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound import snd040_sample_rate_label as sample_rate_label
from auscult.rules.sound import snd050_mel_definition_suspected as mel_definition_suspected
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording
from corpus.sound.plants import (
    channel_swap,
    frames_shuffled,
    gain,
    lag,
    pre_emphasis,
    reversed,
    truncated_sound,
)
from corpus.sound.plants import sample_rate_label as label_plant
from tests.sound.mel_grid import sound

CLEAN = sound(16000, 2.5, 7)


def heard(recording: Recording, reference: Recording = CLEAN) -> dict[str, Finding]:
    return {
        finding.cause: finding for finding in run_sound_rules(SoundSubject(recording, reference))[0]
    }


SLOW = (frames_shuffled, reversed, label_plant)


@pytest.mark.parametrize(
    "planter",
    [
        gain,
        lag,
        pre_emphasis,
        truncated_sound,
        *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW),
    ],
)
def test_the_cause_is_first(planter: object) -> None:
    rng = np.random.default_rng(1)
    defective = planter.plant(CLEAN, planter.AUDIBLE, rng)  # type: ignore[attr-defined]
    found = heard(defective)
    assert next(iter(found)) == planter.NAME, found  # type: ignore[attr-defined]


def test_a_swap_of_channels() -> None:
    rng = np.random.default_rng(1)
    reference = channel_swap.prepare(CLEAN, 0.3, rng)
    found = heard(channel_swap.plant(reference, 0.3, rng), reference)
    assert found["channel-swap"].fix is not None


def test_polarity_of_one_channel_and_of_all() -> None:
    assert heard(Recording(-CLEAN.samples, 16000))["polarity"].severity is Severity.WARNING
    stereo = channel_swap.prepare(CLEAN, 0.5, np.random.default_rng(0))
    flipped = Recording(stereo.samples * np.array([[1.0], [-1.0]], np.float32), 16000)
    assert heard(flipped, stereo)["polarity"].evidence["channels"] == [1]


def test_silence_added_and_sound_added() -> None:
    padded = heard(Recording(np.pad(CLEAN.samples, ((0, 0), (0, 8000))), 16000))
    assert padded["padded-sound"].times[0][1] == pytest.approx(3.0, abs=0.01)
    longer = np.concatenate([CLEAN.samples, CLEAN.samples[:, 8000:16000]], axis=1)
    assert "added at the end" in heard(Recording(longer, 16000))["truncated-sound"].message


@pytest.mark.parametrize("level", [1.0, 0.1])
def test_the_same_gives_nothing(level: float) -> None:
    quiet = Recording((level * CLEAN.samples).astype(np.float32), 16000)
    assert heard(quiet, quiet) == {}


@pytest.mark.parametrize("container", ["OGG", "MP3"])
def test_lossy_coding_gives_nothing(container: str) -> None:
    import soundfile

    coded = io.BytesIO()
    try:
        soundfile.write(coded, CLEAN.mono, 16000, format=container)
    except (soundfile.LibsndfileError, ValueError):
        pytest.skip(f"libsndfile without {container}")
    coded.seek(0)
    samples, rate = soundfile.read(coded, dtype="float32")
    found = {
        cause: each
        for cause, each in heard(Recording.from_mono(samples, rate)).items()
        if each.code.startswith(("SND04", "SND05"))
    }
    assert set(found) <= {"lag"}, found  # MP3's own delay is a lag indeed


def test_other_content_is_said_to_be_so() -> None:
    noise = Recording.from_mono(
        np.random.default_rng(0).normal(0, 0.1, 40000).astype(np.float32), 16000
    )
    outcomes = list(sample_rate_label.check(SoundSubject(noise, CLEAN)))
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], Skip)
    assert "not the reference's content" in outcomes[0].reason


def test_pairs_of_standard_rates() -> None:
    assert sample_rate_label.find_standard_pair(24000 / 22050, 24000) == (24000, 22050)
    assert sample_rate_label.find_standard_pair(2.0, 48000) == (48000, 24000)
    assert sample_rate_label.find_standard_pair(48000 / 40000, 48000) == (48000, 40000)
    assert sample_rate_label.find_standard_pair(1.234, 24000) is None


@pytest.mark.parametrize(("label", "true_rate"), [(48000, 40000), (16000, 8000), (44100, 29400)])
def test_the_fix_names_the_rate_of_the_message(label: int, true_rate: int) -> None:
    subject = SoundSubject(Recording(CLEAN.samples, label), CLEAN)
    relation = SimpleNamespace(rate_ratio=label / true_rate, coherent=True, rate_correlation=1.0)
    found = sample_rate_label._report_ratio(subject, relation)  # type: ignore[arg-type]
    assert found.fix is not None
    assert f"{true_rate} Hz samples" in found.message
    assert found.fix.code == f"soundfile.write(path, samples, {true_rate})"


@pytest.mark.slow
def test_a_vocoder_fed_another_logarithm() -> None:
    definition = MelDefinition(sample_rate=16000)
    mel = mel_spectrogram(CLEAN.mono, definition)
    right = griffin_lim(mel, definition, iterations=15)
    wrong = griffin_lim(
        (mel / np.float32(np.log(10))).astype(np.float32), definition, iterations=15
    )
    subject = SoundSubject(Recording.from_mono(right, 16000), CLEAN)
    assert not list(mel_definition_suspected.check(subject))
    wrong = wrong / np.abs(wrong).max() * 0.5
    (found,) = mel_definition_suspected.check(
        SoundSubject(Recording.from_mono(wrong.astype(np.float32), 16000), CLEAN)
    )
    assert "contrast" in found.message
