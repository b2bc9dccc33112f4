"""What is left when the reference is taken off: each addition is named, and what codecs leave is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.finding import Finding
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.recording import Recording
from auscult.verbs.listen.listen import listen
from auscult.verdict import Verdict
from corpus.sound.coded import encode_lossy
from tests.sound.mel_grid import sound
from tests.sound.test_measures import syllables

RATE = 16000
CLEAN = sound(RATE, 3.0, 7)
VOICE = CLEAN.samples[0]
TIME = np.arange(len(VOICE)) / RATE
RNG = np.random.default_rng(0)
HISS = RNG.standard_normal(len(VOICE)).astype(np.float32)
Samples = NDArray[np.float32]


def heard(samples: Samples, reference: Recording = CLEAN) -> dict[str, Finding]:
    recording = Recording(np.atleast_2d(np.asarray(samples, np.float32)), RATE, "x.wav")
    return {
        finding.cause: finding for finding in run_sound_rules(SoundSubject(recording, reference))[0]
    }


def add(extra: NDArray[np.floating], decibels: float) -> Samples:
    scale = np.sqrt(np.mean(VOICE**2) / np.mean(np.square(extra))) * 10 ** (decibels / 20)
    return np.asarray(VOICE + scale * extra, np.float32)


def insert(samples: Samples, extra: Samples, every: int) -> Samples:
    parts = [samples[start : start + every] for start in range(0, len(samples), every)]
    return np.concatenate([np.concatenate([part, extra]) for part in parts])


def expand(samples: Samples) -> Samples:
    return np.asarray(np.sign(samples) * (256 ** np.abs(samples) - 1) / 255, np.float32)


def step_constant(samples: Samples) -> Samples:
    parts = np.array_split(samples, 3)
    return np.concatenate([part + c for part, c in zip(parts, (0, 0.02, -0.02), strict=True)])


def jump(samples: Samples) -> Samples:
    parts = np.array_split(samples, 4)
    gains = (1.0, 0.35, 0.9, 0.3)
    return np.concatenate([part * gain for part, gain in zip(parts, gains, strict=True)])


def click(samples: Samples) -> Samples:
    clicked = samples.copy()
    clicked[20000:20003] += np.array([0.8, -0.7, 0.5], np.float32)
    return clicked


PLANTS: dict[str, Callable[[], Samples]] = {
    "noise-added": lambda: add(HISS, -20),
    "tone": lambda: add(np.sin(2 * np.pi * 3127 * TIME), -30),
    "echo": lambda: np.asarray(VOICE + 0.8 * np.roll(VOICE, 1280), np.float32),
    "companded": lambda: expand(VOICE),
    "level-jump": lambda: jump(VOICE),
    "fade": lambda: np.asarray(VOICE * 10 ** (-15 * TIME / TIME[-1] / 20), np.float32),
    "dc-step": lambda: step_constant(VOICE),
    "click": lambda: click(VOICE),
    "samples-inserted": lambda: insert(VOICE, np.asarray(HISS[:22] / 4, np.float32), 8000),
    "samples-lost": lambda: np.concatenate([p[:-64] for p in np.array_split(VOICE, 6)]),
}


@pytest.mark.parametrize("cause", PLANTS)
def test_an_addition_is_named(cause: str) -> None:
    found = heard(PLANTS[cause]())
    assert cause in found, found
    assert "unexplained" not in found


def splice(samples: Samples, factor: float) -> Samples:
    """As WSOLA does it: pieces of 30 ms that overlap by half, each from where it fits the last."""
    size, reach = 480, 160
    hop, window = size // 2, np.hanning(size)
    result, last = np.zeros(int(len(samples) * factor) + size), 0
    for place in range(0, len(result) - 2 * size, hop):
        first = max(int(place / factor) - reach, 0)
        field = samples[first : first + 2 * reach + size]
        if len(field) < 2 * reach + size or last + hop + size > len(samples):
            break
        fits = np.correlate(field, samples[last + hop : last + hop + size], "valid")
        last = first + int(np.argmax(fits)) if place else 0
        result[place : place + size] += window * samples[last : last + size]
    return np.asarray(result[: int(len(samples) * factor)], np.float32)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_splice_every_few_milliseconds_is_a_stretch(factor: float) -> None:
    found = heard(splice(VOICE, factor))
    assert next(iter(found)) == "time-stretch", found
    assert found["time-stretch"].evidence["stretch"] == pytest.approx(factor, abs=0.02)
    assert not {"samples-inserted", "samples-lost", "frames-shuffled"} & set(found)


def test_inserted_samples_are_counted() -> None:
    evidence = heard(PLANTS["samples-inserted"]())["samples-inserted"].evidence
    assert evidence["each"] == pytest.approx(22, abs=1)
    assert evidence["period_seconds"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("codec", [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")])
def test_what_a_codec_leaves_is_nothing(codec: tuple[str, str]) -> None:
    coded = encode_lossy(CLEAN, *codec)
    if coded is None:
        pytest.skip("libsndfile has no such codec")
    causes = set(heard(coded.samples[:, : len(VOICE)])) - {"lag", "band-limited", "gain"}
    assert causes == set()


@pytest.mark.parametrize("gain", [1.0, 0.3, -0.5])
def test_a_factor_and_dither_are_no_additions(gain: float) -> None:
    assert set(heard(gain * VOICE + HISS * 3e-5)) <= {"gain", "polarity"}


@pytest.mark.parametrize(("decibels", "causes"), [(-0.45, set()), (-0.8, set()), (-1.0, {"gain"})])
def test_a_level_is_told_from_one_decibel_on(decibels: float, causes: set[str]) -> None:
    assert set(heard(VOICE * np.float32(10 ** (decibels / 20)))) == causes


def test_what_ends_where_the_reference_ends_is_not_band_limited() -> None:
    low = CLEAN.resample(8000)
    for reference in (low, low.resample(48000)):
        subject = SoundSubject(low.resample(48000), reference)
        assert not [each for each in run_sound_rules(subject)[0] if each.cause == "band-limited"]
    assert "band-limited" in heard(low.resample(RATE * 3).samples[:, ::3])


def test_a_coded_rain_is_no_added_noise() -> None:
    rng = np.random.default_rng(3)
    rain = np.convolve(rng.standard_normal(4 * RATE), np.hanning(9), "same").astype(np.float32)
    reference = Recording.from_mono(0.05 * rain, RATE)
    coded = encode_lossy(reference, "OGG", "VORBIS")
    if coded is None:
        pytest.skip("libsndfile has no Vorbis")
    assert not {"noise-added", "unexplained"} & set(heard(coded.samples, reference))
    hiss = 0.01 * rng.standard_normal(len(rain)).astype(np.float32)
    assert "noise-added" in heard(reference.samples[0] + hiss, reference)


def scale_frames(samples: Samples, *, random: bool) -> Samples:
    size = 192
    gains = np.random.default_rng(1).uniform(0.5, 1, len(samples) // size + 1)
    if random:
        return np.asarray(samples * np.repeat(gains, size)[: len(samples)], np.float32)
    ripple = 0.75 + 0.25 * np.cos(2 * np.pi * np.arange(len(samples)) / size)
    return np.asarray(samples * ripple, np.float32)


@pytest.mark.parametrize("random", [True, False])
def test_a_level_that_changes_from_frame_to_frame(random: bool) -> None:
    found = heard(scale_frames(VOICE, random=random))
    assert next(iter(found)) == "frame-seams", found
    assert "gain" not in found


@pytest.mark.parametrize("change", ["jump", "fade", "mu-law"])
def test_a_slow_level_and_a_codec_are_no_frames(change: str) -> None:
    samples = {
        "jump": jump(VOICE),
        "fade": PLANTS["fade"](),
        "mu-law": np.round(VOICE * 128) / 128,
    }[change]
    assert "frame-seams" not in heard(np.asarray(samples, np.float32))


def test_a_lost_channel_is_told_against_the_reference() -> None:
    stereo = Recording(np.stack([VOICE, np.roll(VOICE, 7)]), RATE)
    assert "channel-lost" in heard(np.stack([VOICE, 0.02 * np.roll(VOICE, 7)]), stereo)
    assert "channel-lost" not in heard(0.5 * stereo.samples, stereo)


def test_another_content_is_inconclusive() -> None:
    report = listen(CLEAN, reference=Recording.from_mono(syllables(RATE), RATE))
    assert "not-same-content" in [finding.cause for finding in report.findings]
    assert report.verdict is not Verdict.PASS


def test_what_nothing_names_is_unexplained() -> None:
    bent = VOICE.copy()
    bent[16000:24000] = bent[16000:24000][::-1]
    report = listen(Recording.from_mono(bent, RATE), reference=CLEAN)
    assert report.verdict is not Verdict.PASS
