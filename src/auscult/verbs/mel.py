"""`mel`: which definition made this mel spectrogram, and what has to change for a vocoder?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult import rules
from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.finding import Json
from auscult.report.sections.mel import MelSection
from auscult.rules.mel.snd060_mel_definition import MAX_EXACT_SHARE
from auscult.rules.mel.subject import MelSubject
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.against import find_changes
from auscult.sound.mel_search.ambiguity import find_alternatives
from auscult.sound.mel_search.code import (
    list_config_names,
    write_librosa_code,
    write_torchaudio_code,
)
from auscult.sound.mel_search.configs import is_config_file, read_mel_config
from auscult.sound.mel_search.families import FAMILIES, find_family
from auscult.sound.mel_search.search import SearchOutcome, search_definition
from auscult.sound.recording import Recording, read_recording
from auscult.verdict import Coverage, Report, Verdict


def mel(
    sound: str | os.PathLike[str] | Recording,
    spectrogram: str | os.PathLike[str] | NDArray[np.floating],
    *,
    against: str | None = None,
    key: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Find the definition of a mel spectrogram from the sound that it was made of.

    Args:
        sound: A sound file or a Recording.
        spectrogram: .npy, .npz, .safetensors or torch file with the mel, or an array, [bands,
            frames] or [frames, bands].
        against: A vocoder whose mel it should be, such as `hifigan`, `vocos`, `chatterbox`,
            `whisper`; or its config file (HiFi-GAN, BigVGAN, Vocos, NeMo, coqui, ParallelWaveGAN), or
            a definition in JSON.
        key: Name of the tensor, where the file holds several that could be a mel.

    Returns:
        PASS where the definition was found exactly (and is the vocoder's), DIVERGENT where the
            vocoder needs another, else
        INCONCLUSIVE. `section.mel` has the definition, residual, what stays open, and code.

    Raises:
        AudioError: If the sound cannot be read, or the array is no mel of it.
        CheckpointError: If the mel's file cannot be read.
        UsageError: If there is no such vocoder or tensor, or its config states no mel.
    """
    target = _find_target(against) if against else None
    if isinstance(sound, Recording):
        recording = sound
    else:
        recording = read_recording(os.fspath(sound))
    name, values = open_mel(spectrogram, key)
    outcome = search_definition(recording, values, progress=progress)
    samples = recording.resample(outcome.definition.sample_rate).mono
    open_alternatives = find_alternatives(
        samples, outcome.mel, outcome.definition, outcome.compression.gain
    )
    subject = MelSubject(name, outcome, open_alternatives, target)
    findings, skips = rules.run_rules(subject, "mel")
    return Report(
        "mel",
        (recording.name, name),
        _decide_verdict(subject, len(findings)),
        _build_coverage(outcome),
        findings,
        skips,
        section=MelSection(describe_outcome(subject)),
    )


def _find_target(against: str) -> tuple[str, MelDefinition]:
    """Name and definition of what a vocoder was trained on."""
    if is_config_file(against):
        return against, read_mel_config(against)
    return against, find_family(against).definition


def open_mel(
    source: str | os.PathLike[str] | NDArray[np.floating], key: str | None
) -> tuple[str, NDArray[Any]]:
    """Name and values of the mel."""
    if isinstance(source, np.ndarray):
        return "mel", source
    from auscult.checkpoint import open_checkpoint

    path = os.fspath(source)
    tensors = open_checkpoint(path, "" if key else None).tensors
    if key is not None and key not in tensors:
        raise UsageError(
            "has no such tensor",
            where=path,
            found=key,
            hint=f"it has {', '.join(list(tensors)[:8])}",
        )
    if key:
        likely_names = [key]
    else:
        likely_names = [name for name, tensor in tensors.items() if _has_two_axes(tensor.shape)]
    if len(likely_names) > 1:
        likely_names = [name for name in likely_names if "mel" in name.lower()] or likely_names
    if len(likely_names) != 1:
        raise UsageError(
            "has no tensor that could be a mel"
            if not likely_names
            else "has several tensors that could be a mel",
            where=path,
            expected="one of two axes",
            found=", ".join(
                f"{name} {list(tensors[name].shape)}"
                for name in (likely_names or list(tensors))[:8]
            )
            or "no tensors",
            hint="name it with --key" if likely_names else None,
        )
    return path, np.asarray(tensors[likely_names[0]].numpy())


def _has_two_axes(shape: Sequence[int]) -> bool:
    """Whether a shape has two axes, those of length 1 left out."""
    return sum(size > 1 for size in shape) == 2


def _decide_verdict(subject: MelSubject, findings: int) -> Verdict:
    if subject.found.compression.residual_share > MAX_EXACT_SHARE and (
        findings < 2 or subject.against is None
    ):
        return Verdict.INCONCLUSIVE
    if findings:
        return Verdict.DIVERGENT
    return Verdict.PASS


def _build_coverage(outcome: SearchOutcome) -> Coverage:
    """Every frame of the mel: compared with the sound's, or beyond its end."""
    frames = outcome.mel.shape[1]
    compared = min(frames, outcome.compression.frames)
    return Coverage("frames", {"compared": compared, "beyond_the_sound": frames - compared})


def describe_outcome(subject: MelSubject) -> Json:
    """The outcome as JSON."""
    outcome, compression = subject.found, subject.found.compression
    definition = compression.definition
    facts: Json = {
        "definition": definition.to_config(),
        "exact": compression.residual_share <= MAX_EXACT_SHARE,
        "residual": compression.residual,
        "residual_share": compression.residual_share,
        "worst": compression.worst,
        "open": {name: list(values) for name, values in subject.alternatives.items()},
        "gain": compression.gain,
        "axes": ["frames", "bands"] if outcome.transposed else ["bands", "frames"],
        "frames": {"mel": outcome.mel.shape[1], "definition": compression.frames},
        "tried": outcome.evaluations,
        "families": find_matching_families(subject),
        "code": {
            "librosa": write_librosa_code(definition, compression.gain),
            "torchaudio": write_torchaudio_code(definition, compression.gain),
        },
        "configs": list_config_names(definition),
    }
    if subject.against:
        name, vocoder_definition = subject.against
        needed_changes = find_changes(definition, vocoder_definition, subject.alternatives)
        facts["against"] = {
            "family": name,
            "definition": vocoder_definition.to_config(),
            "changes": [
                {
                    "setting": change.setting,
                    "found": change.found,
                    "wanted": change.wanted,
                    "open": change.is_open,
                }
                for change in needed_changes
            ],
        }
    return facts


def find_matching_families(subject: MelSubject) -> list[str]:
    """Names of the families whose definition this is, as far as the mel can tell."""
    definition = subject.found.definition
    names = []
    for name, entry in FAMILIES.items():
        changes = find_changes(definition, entry.definition, subject.alternatives)
        if all(change.is_open for change in changes):
            names.append(name)
    return names
