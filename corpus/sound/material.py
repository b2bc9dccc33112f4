"""Clean sound from code: voices of several languages, music, single instruments, at any rate, mono or stereo.

Every clip is drawn from its seed alone. Nothing repeats exactly from one period to the next and nothing stays the same from
beginning to end, as in recordings; half of the clips lie on a quiet noise floor, half are digitally silent in their pauses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.sound.recording import Recording
from auscult.training.sentences import HELD_OUT, PARTS
from corpus.sound.instruments import INSTRUMENTS, play_drums, play_melody
from corpus.sound.speaker import speaker

Floats = NDArray[np.float64]

RATES = (16000, 22050, 24000, 44100, 48000)
TUNING_VOICES = (
    "en-us",
    "es",
    "fr",
    "de",
    "it+m3",
    "pt-br+f2",
    "en-us+f3",
    "te+m5",
    "de+f4",
    "fr+m2",
)
HELD_OUT_VOICES = ("en-gb-x-rp+m7", "es+f5", "ru", "pl+f1", "hi+m4", "tr", "nl+f2", "sv+m1")
SENTENCES_OF_OTHERS = (
    "Alfa beta gamma delta, sierra tango victor.",
    "Roma, Paris, Berlin, Madrid, Lisboa, Oslo.",
    "Sonata piano opera violino, radio televizor telefon.",
)


@dataclass(frozen=True)
class Clip:
    """A clean recording: its kind (`speech`, `music`, `tones`), what it is in detail, and the text where it is speech."""

    kind: str
    label: str
    recording: Recording
    text: str | None = None


def make_speech(
    seed: int,
    sample_rate: int = 24000,
    channels: int = 1,
    *,
    seconds: float | None = None,
    held_out: bool = False,
) -> Clip:
    """Sentences of one voice. Above 24 kHz the band that espeak-ng lacks is filled with breath that follows its fricatives."""
    rng = np.random.default_rng([seed, int(held_out), 1])
    voice = str(rng.choice(HELD_OUT_VOICES if held_out else TUNING_VOICES))
    words, pitch = int(rng.integers(130, 230)), int(rng.integers(30, 75))
    sentences: list[str] = []
    pieces: list[Floats] = []
    with speaker() as mouth:
        while sum(map(len, pieces)) < (seconds or 3.0) * mouth.sample_rate:
            sentences.append(_choose_sentence(voice.partition("+")[0], rng, held_out=held_out))
            pieces.append(
                mouth.say(sentences[-1], voice, words_per_minute=words, pitch=pitch).astype(
                    np.float64
                )
            )
    native = np.concatenate(pieces)
    samples = _add_breath(
        Recording.from_mono(native.astype(np.float32), mouth.sample_rate), sample_rate, rng
    )
    if seconds is not None:
        samples = samples[: int(seconds * sample_rate)]
    text = " ".join(sentences) if seconds is None else None
    return Clip(
        "speech",
        f"{voice} {words} wpm",
        _finish_recording(samples, sample_rate, channels, rng),
        text,
    )


def make_music(
    seed: int,
    sample_rate: int = 24000,
    channels: int = 1,
    *,
    seconds: float = 5.0,
    held_out: bool = False,
) -> Clip:
    """Chords, a bass, a tune and drums."""
    rng = np.random.default_rng([seed, int(held_out), 2])
    length = int(seconds * sample_rate)
    beat = 60.0 / rng.uniform(70, 150)
    root = 55.0 * 2.0 ** (rng.integers(0, 12) / 12)
    total = np.zeros(length)
    names = sorted(INSTRUMENTS)
    for octave, gain, notes_per_beat in (
        (1, 0.5, 0.5),
        (2, 0.3, 0.25),
        (2, 0.3, 0.25),
        (4, 0.4, 2.0),
    ):
        total += gain * play_melody(
            rng,
            str(rng.choice(names)),
            root * octave,
            beat / notes_per_beat,
            length=length,
            sample_rate=sample_rate,
        )
    total += rng.uniform(0.3, 1.0) * play_drums(rng, beat, length, sample_rate)
    return Clip(
        "music",
        f"{root:.0f} Hz, {60 / beat:.0f} bpm",
        _finish_recording(total, sample_rate, channels, rng),
    )


def make_tones(
    seed: int,
    sample_rate: int = 24000,
    channels: int = 1,
    *,
    seconds: float = 5.0,
    held_out: bool = False,
) -> Clip:
    """One instrument playing a tune."""
    rng = np.random.default_rng([seed, int(held_out), 3])
    name = str(rng.choice(sorted(INSTRUMENTS)))
    root = 110.0 * 2.0 ** (rng.integers(0, 36) / 12)
    samples = play_melody(
        rng,
        name,
        root,
        rng.uniform(0.2, 0.9),
        length=int(seconds * sample_rate),
        sample_rate=sample_rate,
    )
    return Clip(
        "tones",
        f"{name} from {root:.0f} Hz",
        _finish_recording(samples, sample_rate, channels, rng),
    )


def make_held_note(seed: int) -> Recording:
    """A note of the scale, or any pitch from 50 to 600 Hz, held without a change; every third a hum whose pitch trembles."""
    rng = np.random.default_rng([seed, 4])
    sample_rate = int(rng.choice(RATES))
    time = np.arange(5 * sample_rate) / sample_rate
    hertz = rng.uniform(50, 600) if seed % 2 else 440.0 * 2.0 ** (int(rng.integers(-30, 8)) / 12)
    phase = 2 * np.pi * hertz * time
    if seed % 3 == 1:
        phase += np.cumsum(rng.standard_normal(len(time))) * 0.02 * hertz / np.sqrt(sample_rate)
    partials = range(1, int(0.48 * sample_rate / hertz))
    tone = np.asarray(sum(np.sin(n * phase + rng.uniform(0, 6.28)) / n for n in partials))
    noise = 10.0 ** (-rng.uniform(50, 90) / 20) * rng.standard_normal(len(time))
    return Recording.from_mono(
        (0.5 * tone / np.abs(tone).max() + noise).astype(np.float32), sample_rate
    )


KINDS: dict[str, Callable[..., Clip]] = {
    "speech": make_speech,
    "music": make_music,
    "tones": make_tones,
}


def make_clips(
    count: int, *, kinds: Sequence[str] = tuple(KINDS), held_out: bool = False, first: int = 0
) -> list[Clip]:
    """`count` clips: the kinds, rates and channel counts in turn."""
    result = []
    for index in range(first, first + count):
        kind, rate = kinds[index % len(kinds)], RATES[(index // len(kinds)) % len(RATES)]
        channels = 1 + (index // (len(kinds) * len(RATES))) % 2
        result.append(KINDS[kind](index, rate, channels, held_out=held_out))
    return result


def _choose_sentence(language: str, rng: np.random.Generator, *, held_out: bool) -> str:
    if held_out:
        return str(rng.choice(HELD_OUT.get(language, SENTENCES_OF_OTHERS)))
    return " ".join(str(rng.choice(part)) for part in PARTS[language])


def _add_breath(spoken: Recording, sample_rate: int, rng: np.random.Generator) -> Floats:
    """The voice at the rate, with noise above 8 kHz as loud as what lies between 5 and 9 kHz, where the rate has room for it."""
    from scipy.signal import butter, sosfilt

    samples = spoken.resample(sample_rate).samples[0].astype(np.float64)
    if sample_rate <= 24000:
        return samples
    band = np.abs(
        sosfilt(butter(4, (5000, 9000), "bandpass", fs=sample_rate, output="sos"), samples)
    )
    envelope = sosfilt(butter(2, 40, fs=sample_rate, output="sos"), band)
    high = sosfilt(
        butter(4, 8000, "highpass", fs=sample_rate, output="sos"), rng.standard_normal(len(samples))
    )
    return np.asarray(samples + 0.7 * np.maximum(envelope, 0.0) * high)


def _finish_recording(
    samples: Floats, sample_rate: int, channels: int, rng: np.random.Generator
) -> Recording:
    """Stereo with a second, later and duller channel; a noise floor on half of the clips; a level; 16 bits."""
    samples = _spread_to_stereo(samples, sample_rate, rng) if channels == 2 else samples[None]
    samples = samples / max(float(np.abs(samples).max()), 1e-9)
    if rng.random() < 0.5:
        samples = samples + 10.0 ** (-rng.uniform(55, 80) / 20) * rng.standard_normal(samples.shape)
    samples *= 10.0 ** (-rng.uniform(1, 20) / 20) / float(np.abs(samples).max())
    return Recording(
        (np.rint(samples * 32767) / 32768).astype(np.float32), sample_rate, "clean.wav"
    )


def _spread_to_stereo(samples: Floats, sample_rate: int, rng: np.random.Generator) -> Floats:
    """A direct sound between the channels and an early reflection of its own in each, [2, time]."""
    pan = rng.uniform(0.3, 0.7)
    sides = []
    for gain in (np.cos(pan * np.pi / 2), np.sin(pan * np.pi / 2)):
        late = np.zeros_like(samples)
        for _ in range(4):
            lag = int(rng.uniform(0.002, 0.03) * sample_rate)
            late[lag:] += rng.uniform(-0.3, 0.3) * samples[: len(samples) - lag]
        sides.append(gain * samples + late)
    return np.stack(sides)
