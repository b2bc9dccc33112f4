"""The recordings of a diagnosis: what should be heard, what was heard, what the repaired model gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from auscult.finding import Finding, Json, Severity, Skip
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.measures import (
    comb_share,
    log_mel_distance,
    mel_correlation,
    mel_movement_db,
    rms,
)
from auscult.sound.mel import MelDefinition, decibel, mel_spectrogram
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.sound.settle import Settlement
from auscult.verbs.diagnose.settle import Reading


@dataclass(frozen=True, eq=False)
class Heard:
    """One recording of the diagnosis.

    Attributes:
        role: `input` is what should be heard, `heard` what the user's program gave, `repaired` what the settled model gives.
        file: Where it was written, if it was.
    """

    role: str
    recording: Recording
    file: Path | None = None


def recordings_of(
    audio: Recording | str | Path | None, reference: Recording | str | Path | None
) -> dict[str, Heard]:
    """The recordings that were given, by role."""
    given = {"input": reference, "heard": audio}
    return {
        role: Heard(role, item if isinstance(item, Recording) else read_recording(item))
        for role, item in given.items()
        if item is not None
    }


@dataclass(frozen=True)
class Listened:
    """What the sound rules say of a recording; `unlike` where the reference has other content, so that nothing was compared."""

    findings: Sequence[Finding]
    skips: Sequence[Skip]
    unlike: bool = False


def listen_to(heard: Mapping[str, Heard], facts: SoundFacts) -> Listened:
    """What the sound rules say of the recording that the user's program gave."""
    from auscult.rules.sound._related import has_sound, related
    from auscult.rules.sound.hearing import hear

    if "heard" not in heard:
        return Listened((), (Skip("audio", "no recording of the model was given"),))
    reference = heard["input"].recording if "input" in heard else None
    subject = SoundSubject(heard["heard"].recording, reference, facts=facts)
    found, skips = hear(subject)
    return Listened(
        found, skips, reference is not None and has_sound(subject) and related(subject) is None
    )


def listen_again(heard: Mapping[str, Heard], facts: SoundFacts) -> list[Finding]:
    """What the sound rules still say after the repair: no longer an error of loading, so never more than a warning."""
    from auscult.rules.sound.hearing import hear

    found, _ = hear(
        SoundSubject(heard["repaired"].recording, heard["input"].recording, facts=facts)
    )
    return [
        replace(
            item,
            severity=Severity.WARNING,
            message=f"after the repair, {item.message}; what remains is in the trained weights, not in how they are loaded",
        )
        for item in found
        if item.severity is not Severity.INFO
    ]


def with_family(known: SoundFacts, reading: Reading | None) -> SoundFacts:
    """What the family adds to what the user said of the model."""
    if reading is None:
        return known
    strides = tuple(getattr(reading.detection.config, "upsample_rates", ()))
    return SoundFacts(
        known.sample_rate or reading.mel.sample_rate,
        known.hop or reading.mel.hop,
        known.strides or strides,
        known.chunk_seconds,
        known.text,
    )


def speak(reading: Reading, settlement: Settlement, source: Recording) -> Recording:
    """The settled model's rendering of the whole input."""
    config = replace(reading.detection.config, **settlement.best.values)
    sound = source.resampled(reading.mel.sample_rate)
    samples = reading.render(config, mel_spectrogram(sound.mono, reading.mel))
    return Recording.mono_of(
        samples[: sound.samples.shape[1]], reading.mel.sample_rate, "repaired.wav"
    )


def write_all(heard: Mapping[str, Heard], folder: Path) -> dict[str, Heard]:
    """Each recording as a WAV file named after its role."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"input": "input.wav", "heard": "wrong.wav", "repaired": "repaired.wav"}
    return {
        role: replace(item, file=write_recording(item.recording, folder / names[role]))
        for role, item in heard.items()
    }


def measures_of(item: Heard, source: Heard | None, reading: Reading | None) -> Json:
    """A recording in numbers, for the report; samples that are none count as zeros."""
    recording = item.recording
    samples, rate = np.nan_to_num(recording.mono, posinf=0.0, neginf=0.0), recording.sample_rate
    result: Json = {
        "role": item.role,
        "file": str(item.file) if item.file else None,
        "source": recording.name if Path(recording.name).is_file() else None,
        "seconds": round(recording.seconds, 3),
        "sample_rate": rate,
        "rms": round(rms(samples), 5),
        "movement_db": round(mel_movement_db(samples, rate), 2),
    }
    if reading is not None:
        result["comb_share"] = round(comb_share(samples, rate, reading.mel.hop), 3)
    if reading is not None and source is not None and item.role != "input":
        mine, wanted = (
            mel_spectrogram(r.resampled(reading.mel.sample_rate).mono, reading.mel)
            for r in (recording, source.recording)
        )
        if reading.mel.log != "none":
            result["mel_distance_db"] = round(
                log_mel_distance(mine, wanted) / decibel(reading.mel), 2
            )
        result["mel_correlation"] = round(mel_correlation(mine, wanted), 3)
    return result


def picture_of(
    heard: Mapping[str, Heard],
    reading: Reading | None,
    folder: Path | None,
    open_points: list[Skip],
) -> Json:
    """The mel spectrograms one above the other, where there is a folder to put them in."""
    if folder is None:
        return {}
    from auscult.report._mel_picture import draw_mels

    titles = {
        "input": "what should be heard",
        "heard": "what was heard",
        "repaired": "after the repair",
    }
    definition = reading.mel if reading else MelDefinition()
    rows = [
        (
            titles[role],
            mel_spectrogram(item.recording.resampled(definition.sample_rate).mono, definition),
        )
        for role, item in heard.items()
    ]
    try:
        return {
            "pictures": [
                {
                    "title": "Mel spectrograms",
                    "file": str(draw_mels(rows, definition, folder / "mel.png")),
                }
            ]
        }
    except ImportError:
        open_points.append(Skip("picture", "needs matplotlib: pip install 'auscult[html]'"))
        return {}
