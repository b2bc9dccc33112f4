"""Pairs of recording and reference that differ without a defect, and what may rightly be said of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from auscult.finding import Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.measures import standard_mel
from auscult.sound.mel import mel_spectrogram
from auscult.sound.recording import Recording
from auscult.training.data import HELD_OUT_VARIANTS, held_out_speech
from corpus.sound.coded import CODECS, coded, rendered
from corpus.sound.judge import heard, rounded
from corpus.sound.material import Clip
from corpus.sound.plant import changed

Change = Callable[[Clip, np.random.Generator], Recording | None]


@dataclass(frozen=True)
class Pair:
    """What was changed, the two sides, and the causes that are true of them all the same."""

    change: str
    recording: Recording
    reference: Recording
    true: frozenset[str] = frozenset()


def a_tenth(clip: Clip, rng: np.random.Generator) -> Recording:
    return rounded(changed(clip.recording, clip.recording.samples * np.float32(0.1)))


def silence_at_the_ends(clip: Clip, rng: np.random.Generator) -> Recording:
    rate = clip.recording.sample_rate
    before, after = (int(rng.uniform(0.2, 1.0) * rate) for _ in range(2))
    return changed(clip.recording, np.pad(clip.recording.samples, ((0, 0), (before, after))))


def dithered(clip: Clip, rng: np.random.Generator) -> Recording:
    """Two least bits of triangular noise."""
    noise = rng.uniform(-1, 1, clip.recording.samples.shape) + rng.uniform(
        -1, 1, clip.recording.samples.shape
    )
    return rounded(changed(clip.recording, clip.recording.samples + noise / 32768))


def there_and_back(clip: Clip, rng: np.random.Generator) -> Recording:
    """To another rate, not below its own, and back."""
    rate = clip.recording.sample_rate
    other = int(
        rng.choice([each for each in (22050, 24000, 32000, 44100, 48000, 96000) if each > rate])
    )
    return rounded(clip.recording.resampled(other).resampled(rate))


def at_another_rate(clip: Clip, rng: np.random.Generator) -> Recording:
    """The same sound in a file of another rate, not below its own."""
    return rounded(
        clip.recording.resampled(96000 if clip.recording.sample_rate == 48000 else 48000)
    )


def with_phases_of_its_own(clip: Clip, rng: np.random.Generator) -> Recording:
    """From its mel, by Griffin and Lim."""
    definition = standard_mel(clip.recording.sample_rate)
    made = [
        griffin_lim(mel_spectrogram(side, definition), definition, iterations=30)
        for side in clip.recording.samples
    ]
    return changed(clip.recording, np.stack(made))


CHANGES: dict[str, tuple[Change, frozenset[str]]] = {
    "gain x 0.1": (a_tenth, frozenset({"gain"})),
    "silence at the ends": (silence_at_the_ends, frozenset({"padded-sound", "lag"})),
    "dither": (dithered, frozenset()),
    "resampled there and back": (there_and_back, frozenset()),
    "file of another rate": (at_another_rate, frozenset({"band-limited"})),
    "Griffin-Lim from its mel": (with_phases_of_its_own, frozenset({"phase-metallic"})),
}


def pairs(clips: list[Clip]) -> Iterator[Pair]:
    """Every clip after every harmless change and codec; and another's sound against it."""
    for seed, clip in enumerate(clips):
        rng = np.random.default_rng([seed, 11])
        for name, (change, true) in CHANGES.items():
            recording = change(clip, rng)
            if recording is not None:
                yield Pair(name, recording, clip.recording, true)
        for container, codec in CODECS:
            recording = coded(clip.recording, container, codec)
            if recording is not None:  # a codec's delay that is left in is a lag
                yield Pair(codec.partition("_")[0], recording, clip.recording, frozenset({"lag"}))
        other = clips[(seed + 1) % len(clips)].recording
        yield Pair(
            "other content",
            other.resampled(clip.recording.sample_rate),
            clip.recording,
            frozenset({"gain"}),
        )


def vocoded(count: int, *, first: int = 0) -> Iterator[Pair]:
    """Sentences and voices that the bundled vocoder was not trained on, as loud as its training, from their mels."""
    for utterance in held_out_speech(24000, HELD_OUT_VARIANTS)[first : first + count]:
        clip = Clip(
            "speech", utterance.voice, Recording.mono_of(utterance.samples, 24000), utterance.text
        )
        made = rendered(clip).recording
        yield Pair("bundled vocoder", made, clip.recording.resampled(made.sample_rate))


def alarms(pair: Pair) -> tuple[str, ...]:
    """Codes and causes of the errors and warnings that are not true of the pair, as `SND043 gain`."""
    found = heard(SoundSubject(pair.recording, pair.reference))
    return tuple(
        f"{finding.code} {finding.cause}"
        for finding in found
        if finding.severity is not Severity.INFO and finding.cause not in pair.true
    )
