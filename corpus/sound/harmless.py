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
from auscult.training.data import HELD_OUT_VARIANTS, make_held_out_speech
from corpus.sound.coded import CODECS, encode_lossy, render_with_vocoder
from corpus.sound.judge import list_sound_findings, round_to_int16
from corpus.sound.material import Clip
from corpus.sound.plant import replace_samples

Change = Callable[[Clip, np.random.Generator], Recording | None]


@dataclass(frozen=True)
class HarmlessPair:
    """What was changed, the two sides, and the causes that are true of them all the same."""

    change: str
    recording: Recording
    reference: Recording
    true_causes: frozenset[str] = frozenset()


def scale_to_tenth(clip: Clip, rng: np.random.Generator) -> Recording:
    return round_to_int16(replace_samples(clip.recording, clip.recording.samples * np.float32(0.1)))


def pad_with_silence(clip: Clip, rng: np.random.Generator) -> Recording:
    rate = clip.recording.sample_rate
    before, after = (int(rng.uniform(0.2, 1.0) * rate) for _ in range(2))
    return replace_samples(
        clip.recording, np.pad(clip.recording.samples, ((0, 0), (before, after)))
    )


def add_dither(clip: Clip, rng: np.random.Generator) -> Recording:
    """Two least bits of triangular noise."""
    noise = rng.uniform(-1, 1, clip.recording.samples.shape) + rng.uniform(
        -1, 1, clip.recording.samples.shape
    )
    return round_to_int16(replace_samples(clip.recording, clip.recording.samples + noise / 32768))


def resample_there_and_back(clip: Clip, rng: np.random.Generator) -> Recording:
    """To another rate, not below its own, and back."""
    rate = clip.recording.sample_rate
    other = int(
        rng.choice(
            [
                candidate_rate
                for candidate_rate in (22050, 24000, 32000, 44100, 48000, 96000)
                if candidate_rate > rate
            ]
        )
    )
    return round_to_int16(clip.recording.resample(other).resample(rate))


def resample_to_other_rate(clip: Clip, rng: np.random.Generator) -> Recording:
    """The same sound in a file of another rate, not below its own."""
    return round_to_int16(
        clip.recording.resample(96000 if clip.recording.sample_rate == 48000 else 48000)
    )


def rebuild_phases(clip: Clip, rng: np.random.Generator) -> Recording:
    """From its mel, by Griffin and Lim."""
    definition = standard_mel(clip.recording.sample_rate)
    channels = [
        griffin_lim(mel_spectrogram(side, definition), definition, iterations=30)
        for side in clip.recording.samples
    ]
    return replace_samples(clip.recording, np.stack(channels))


CHANGES: dict[str, tuple[Change, frozenset[str]]] = {
    "gain x 0.1": (scale_to_tenth, frozenset({"gain"})),
    "silence at the ends": (pad_with_silence, frozenset({"padded-sound", "lag"})),
    "dither": (add_dither, frozenset()),
    "resampled there and back": (resample_there_and_back, frozenset()),
    "file of another rate": (resample_to_other_rate, frozenset({"band-limited"})),
    "Griffin-Lim from its mel": (rebuild_phases, frozenset({"phase-metallic"})),
}


def iter_pairs(clips: list[Clip]) -> Iterator[HarmlessPair]:
    """Every clip after every harmless change and codec; and another's sound against it."""
    for seed, clip in enumerate(clips):
        rng = np.random.default_rng([seed, 11])
        for name, (change, true_causes) in CHANGES.items():
            recording = change(clip, rng)
            if recording is not None:
                yield HarmlessPair(name, recording, clip.recording, true_causes)
        for container, codec in CODECS:
            recording = encode_lossy(clip.recording, container, codec)
            if recording is not None:  # a codec's delay that is left in is a lag
                yield HarmlessPair(
                    codec.partition("_")[0], recording, clip.recording, frozenset({"lag"})
                )
        other = clips[(seed + 1) % len(clips)].recording
        yield HarmlessPair(
            "other content",
            other.resample(clip.recording.sample_rate),
            clip.recording,
            frozenset({"gain"}),
        )


def iter_vocoded_pairs(count: int, *, first: int = 0) -> Iterator[HarmlessPair]:
    """Sentences and voices that the bundled vocoder was not trained on, as loud as its training, from their mels."""
    for utterance in make_held_out_speech(24000, HELD_OUT_VARIANTS)[first : first + count]:
        clip = Clip(
            "speech", utterance.voice, Recording.from_mono(utterance.samples, 24000), utterance.text
        )
        rendered_sound = render_with_vocoder(clip).recording
        yield HarmlessPair(
            "bundled vocoder", rendered_sound, clip.recording.resample(rendered_sound.sample_rate)
        )


def find_alarms(pair: HarmlessPair) -> tuple[str, ...]:
    """Codes and causes of the errors and warnings that are not true of the pair, as `SND043 gain`."""
    findings = list_sound_findings(SoundSubject(pair.recording, pair.reference))
    return tuple(
        f"{finding.code} {finding.cause}"
        for finding in findings
        if finding.severity is not Severity.INFO and finding.cause not in pair.true_causes
    )
