"""The recordings of a diagnosis: what should be heard, what was heard, what the repaired model
gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from auscult.facts.install import format_install_command
from auscult.finding import Finding, Json, Severity, Skip
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.measures import (
    comb_share,
    log_mel_distance,
    mel_correlation,
    mel_movement_db,
    rms,
)
from auscult.sound.mel import mel_spectrogram, mel_units_per_decibel
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.sound.settle import Settlement
from auscult.verbs.diagnose.family_build import FamilyBuild


@dataclass(frozen=True, eq=False)
class DiagnosedRecording:
    """One recording of the diagnosis.

    Attributes:
        role: `input` is what should be heard, `heard` what the user's program gave, `repaired` what
            the settled model gives.
        file: Where it was written, if it was.
    """

    role: str
    recording: Recording
    file: Path | None = None


def collect_recordings(
    audio: Recording | str | Path | None, reference: Recording | str | Path | None
) -> dict[str, DiagnosedRecording]:
    """The recordings that were given, by role."""
    sources_by_role = {"input": reference, "heard": audio}
    return {
        role: DiagnosedRecording(
            role, source if isinstance(source, Recording) else read_recording(source)
        )
        for role, source in sources_by_role.items()
        if source is not None
    }


@dataclass(frozen=True)
class ListeningOutcome:
    """What the sound rules say of a recording; `unlike` where the reference has other content, so
    that nothing was compared.
    """

    findings: Sequence[Finding]
    skips: Sequence[Skip]
    unlike: bool = False


def check_heard_recording(
    recordings: Mapping[str, DiagnosedRecording], facts: SoundFacts
) -> ListeningOutcome:
    """What the sound rules say of the recording that the user's program gave."""
    from auscult.rules.sound._related import find_relation, has_sound
    from auscult.rules.sound.hearing import run_sound_rules

    if "heard" not in recordings:
        return ListeningOutcome((), (Skip("audio", "no recording of the model was given"),))
    reference = recordings["input"].recording if "input" in recordings else None
    subject = SoundSubject(recordings["heard"].recording, reference, facts=facts)
    findings, skips = run_sound_rules(subject)
    return ListeningOutcome(
        findings,
        skips,
        reference is not None and has_sound(subject) and find_relation(subject) is None,
    )


def check_repaired_recording(
    recordings: Mapping[str, DiagnosedRecording], facts: SoundFacts
) -> list[Finding]:
    """What the sound rules still say after the repair: no longer an error of loading, so never more
    than a warning.
    """
    from auscult.rules.sound.hearing import run_sound_rules

    findings, _ = run_sound_rules(
        SoundSubject(recordings["repaired"].recording, recordings["input"].recording, facts=facts)
    )
    return [
        replace(
            finding,
            severity=Severity.WARNING,
            message=(
                f"after the repair, {finding.message}; what remains is in the trained weights, not"
                " in how they are loaded"
            ),
        )
        for finding in findings
        if finding.severity is not Severity.INFO
    ]


def add_family_facts(facts: SoundFacts, family_build: FamilyBuild | None) -> SoundFacts:
    """What the family adds to what the user said of the model."""
    if family_build is None:
        return facts
    strides = tuple(getattr(family_build.detection.config, "upsample_rates", ()))
    return SoundFacts(
        facts.sample_rate or family_build.mel.sample_rate,
        facts.hop or family_build.mel.hop,
        facts.strides or strides,
        facts.chunk_seconds,
        facts.text,
    )


def render_repaired(
    family_build: FamilyBuild, settlement: Settlement, source: Recording
) -> Recording:
    """The settled model's rendering of the whole input."""
    config = replace(family_build.detection.config, **settlement.best.values)
    sound = source.resample(family_build.mel.sample_rate)
    samples = family_build.render(config, mel_spectrogram(sound.mono, family_build.mel))
    return Recording.from_mono(
        samples[: sound.samples.shape[1]], family_build.mel.sample_rate, "repaired.wav"
    )


def write_recordings(
    recordings: Mapping[str, DiagnosedRecording], folder: Path
) -> dict[str, DiagnosedRecording]:
    """Each recording as a WAV file named after its role."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"input": "input.wav", "heard": "wrong.wav", "repaired": "repaired.wav"}
    return {
        role: replace(recording, file=write_recording(recording.recording, folder / names[role]))
        for role, recording in recordings.items()
    }


def measure_recording(
    item: DiagnosedRecording, source: DiagnosedRecording | None, family_build: FamilyBuild | None
) -> Json:
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
    if family_build is not None:
        result["comb_share"] = round(comb_share(samples, rate, family_build.mel.hop), 3)
    if family_build is not None and source is not None and item.role != "input":
        candidate_mel, reference_mel = (
            mel_spectrogram(sound.resample(family_build.mel.sample_rate).mono, family_build.mel)
            for sound in (recording, source.recording)
        )
        if family_build.mel.log != "none":
            result["mel_distance_db"] = round(
                log_mel_distance(candidate_mel, reference_mel)
                / mel_units_per_decibel(family_build.mel),
                2,
            )
        result["mel_correlation"] = round(mel_correlation(candidate_mel, reference_mel), 3)
    return result


def draw_mel_picture(
    recordings: Mapping[str, DiagnosedRecording],
    family_build: FamilyBuild | None,
    folder: Path | None,
    open_points: list[Skip],
) -> tuple[Json, ...]:
    """The mel spectrograms one above the other, where there is a folder to put them in."""
    if folder is None:
        return ()
    from auscult.report._mel_picture import draw_mels

    titles = {
        "input": "what should be heard",
        "heard": "what was heard",
        "repaired": "after the repair",
    }
    definition = family_build.mel if family_build else MelDefinition()
    rows = [
        (
            titles[role],
            mel_spectrogram(item.recording.resample(definition.sample_rate).mono, definition),
        )
        for role, item in recordings.items()
    ]
    try:
        path = draw_mels(rows, definition, folder / "mel.png")
    except ImportError:
        open_points.append(Skip("picture", f"needs matplotlib: {format_install_command('html')}"))
        return ()
    return ({"title": "Mel spectrograms", "file": str(path)},)
