"""No verdict beside a reference depends on level, rate, silence at the ends, length or channels; harmless pairs raise none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")

from auscult.sound.recording import Recording
from corpus.sound.harmless import CHANGES, HarmlessPair, find_alarms, iter_pairs, iter_vocoded_pairs
from corpus.sound.judge import judge_planted, plant_defect
from corpus.sound.material import Clip, make_clips, make_music, make_speech
from corpus.sound.plant import SoundPlanter, iter_planters, replace_samples

OWN_CODES = ("SND04", "SND05")
PLANTERS = {planter.NAME: planter for planter in iter_planters() if planter.LEVEL == "reference"}
QUICK = [name for name in PLANTERS if name not in ("mel-definition", "frames-shuffled")]
SLOW = pytest.mark.slow


def tenth(recording: Recording) -> Recording:
    return replace_samples(recording, recording.samples * np.float32(0.1))


def silence_around(recording: Recording) -> Recording:
    rate = recording.sample_rate
    return replace_samples(recording, np.pad(recording.samples, ((0, 0), (rate // 2, rate // 3))))


def twin_channels(recording: Recording) -> Recording:
    samples = recording.samples
    return replace_samples(
        recording, np.concatenate([samples, samples]) if len(samples) == 1 else samples
    )


BOTH_SIDES: dict[str, Callable[[Recording], Recording]] = {
    "a tenth": tenth,
    "silence around": silence_around,
    "two channels": twin_channels,
}


def strong(planter: SoundPlanter) -> float:
    """A strength that has to be found, in the middle of those."""
    audible = list(planter.STRENGTHS)[list(planter.STRENGTHS).index(planter.AUDIBLE) :]
    return audible[len(audible) // 2]


@pytest.fixture(scope="module")
def voice() -> Clip:
    return make_speech(171, 16000, seconds=2.0)


@pytest.mark.parametrize("change", BOTH_SIDES)
@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each in QUICK else SLOW) for each in PLANTERS]
)
def test_a_defect_is_found_all_the_same(name: str, change: str, voice: Clip) -> None:
    planted = plant_defect(PLANTERS[name], voice, strong(PLANTERS[name]), 3)
    assert planted.reference is not None
    alter = BOTH_SIDES[change]
    judged = judge_planted(
        replace(planted, recording=alter(planted.recording), reference=alter(planted.reference))
    )
    assert judged.answer == name, judged.every


@pytest.mark.slow
@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("name", PLANTERS)
def test_at_any_rate(name: str, rate: int) -> None:
    clip = (
        make_music(172, rate, 2, seconds=4.0)
        if rate in (22050, 48000)
        else make_speech(172, rate, seconds=4.0)
    )
    judged = judge_planted(plant_defect(PLANTERS[name], clip, strong(PLANTERS[name]), 1))
    assert judged.answer == name, judged.every


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2.0, 20.0, 60.0])
@pytest.mark.parametrize("name", PLANTERS)
def test_at_any_length(name: str, seconds: float) -> None:
    judged = judge_planted(
        plant_defect(
            PLANTERS[name], make_speech(173, 16000, seconds=seconds), strong(PLANTERS[name]), 1
        )
    )
    assert judged.answer == name, judged.every


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "Griffin-Lim from its mel"])
def test_a_harmless_difference_is_none(change: str, voice: Clip) -> None:
    change_it, true = CHANGES[change]
    recording = change_it(voice, np.random.default_rng(0))
    assert recording is not None
    assert find_alarms(HarmlessPair(change, recording, voice.recording, true)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2.0, 20.0, 60.0])
@pytest.mark.parametrize("maker", [make_speech, make_music])
def test_the_same_at_any_length(seconds: float, maker: Callable[..., Clip]) -> None:
    clip = maker(174, 16000, seconds=seconds)
    assert find_alarms(HarmlessPair("none", clip.recording, clip.recording)) == ()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_false_alarms_on_harmless_pairs() -> None:
    pytest.importorskip("torch")
    every = [*iter_pairs(make_clips(12, held_out=True, first=71000)), *iter_vocoded_pairs(16)]
    found = [
        (pair.change, alarm)
        for pair in every
        for alarm in find_alarms(pair)
        if alarm.startswith(OWN_CODES)
    ]
    assert len(every) > 100
    assert len(found) <= 0.01 * len(every), found
