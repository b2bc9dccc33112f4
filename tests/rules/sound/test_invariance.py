"""No verdict depends on what it should not: level, sample rate, silence at the ends, length, channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")

from auscult.sound.recording import Recording
from corpus.sound.judge import find_false_alarms, judge_planted, plant_defect
from corpus.sound.material import Clip, make_music, make_speech
from corpus.sound.plant import SoundPlanter, iter_planters, replace_samples

Change = Callable[[Recording], Recording]

PLANTERS = [p for p in iter_planters() if p.LEVEL != "reference" and p.AUDIBLE in p.STRENGTHS]
LEVELLED = ("integer-scale", "silence", "byte-order")
"""Defects that are a level, or are lost with it."""


def tenth(recording: Recording) -> Recording:
    return replace_samples(recording, recording.samples * np.float32(0.1))


def silence_around(recording: Recording) -> Recording:
    return replace_samples(
        recording,
        np.pad(
            recording.samples, ((0, 0), (recording.sample_rate // 2, recording.sample_rate // 2))
        ),
    )


def twin_channels(recording: Recording) -> Recording:
    return replace_samples(
        recording,
        np.concatenate([recording.samples, recording.samples])
        if len(recording.samples) == 1
        else recording.samples,
    )


CHANGES: dict[str, Change] = {
    "a tenth": tenth,
    "silence around": silence_around,
    "two channels": twin_channels,
}


@pytest.fixture(scope="module")
def voice() -> Clip:
    return make_speech(71, 24000, seconds=6.0)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "planter", PLANTERS, ids=lambda planter: planter.__name__.rpartition(".")[2]
)
def test_a_defect_is_found_all_the_same(planter: SoundPlanter, change: str, voice: Clip) -> None:
    if (change == "a tenth" and planter.NAME in LEVELLED) or (
        change == "two channels" and planter.NAME in ("interleave", "polarity")
    ):
        pytest.skip("is another defect then, or none")
    planted = plant_defect(planter, voice, planter.STRENGTHS[-1], 3)
    altered = CHANGES[change](planted.recording)
    again = judge_planted(type(planted)(**{**vars(planted), "recording": altered}))
    assert planter.NAME in again.every


@pytest.mark.parametrize("change", CHANGES)
def test_a_clean_voice_stays_clean(change: str, voice: Clip) -> None:
    assert find_false_alarms(Clip("speech", "", CHANGES[change](voice.recording))) == ()


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize(
    "name", ["clipping", "dropouts", "imaging", "noise", "frame-seams", "wrap-around"]
)
def test_at_any_rate(rate: int, name: str) -> None:
    planter = next(planter for planter in PLANTERS if name == planter.NAME)
    clip = plant_defect(planter, make_speech(72, rate, seconds=4.0), planter.STRENGTHS[-1], 1)
    assert name in judge_planted(clip).every


@pytest.mark.parametrize("seconds", [2.0, 20.0, 60.0])
@pytest.mark.parametrize("maker", [make_speech, make_music])
def test_clean_at_any_length(seconds: float, maker: Callable[..., Clip]) -> None:
    assert find_false_alarms(maker(73, 16000, seconds=seconds)) == ()
