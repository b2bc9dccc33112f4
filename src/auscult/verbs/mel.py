"""`mel`: which definition made this mel spectrogram, and what has to change for a vocoder?"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult import rules
from auscult.errors import UsageError
from auscult.finding import Json
from auscult.rules.mel.snd060_mel_definition import MAX_EXACT_SHARE
from auscult.rules.mel.subject import MelSubject
from auscult.sound.mel_search.against import changes
from auscult.sound.mel_search.ambiguity import alternatives
from auscult.sound.mel_search.code import config_names, librosa_code, torchaudio_code
from auscult.sound.mel_search.families import FAMILIES, family
from auscult.sound.mel_search.search import Found, search
from auscult.sound.recording import Recording, read_recording
from auscult.verdict import Coverage, Report, Verdict

Progress = Callable[[int, int, str], None]


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
        spectrogram: .npy, .npz, .safetensors or torch file with the mel, or an array, [bands, frames] or [frames, bands].
        against: A vocoder whose mel it should be, such as `hifigan`, `vocos`, `chatterbox`, `whisper`.
        key: Name of the tensor, where the file holds several that could be a mel.

    Returns:
        PASS where the definition was found exactly (and is the vocoder's), DIVERGENT where the vocoder needs another, else
        INCONCLUSIVE. `extra["mel"]` has the definition, residual, what stays open, and code.

    Raises:
        AudioError: If the sound cannot be read, or the array is no mel of it.
        CheckpointError: If the mel's file cannot be read.
        UsageError: If there is no such vocoder or tensor.
    """
    wanted = family(against) if against else None
    recording = sound if isinstance(sound, Recording) else read_recording(os.fspath(sound))
    name, values = _open(spectrogram, key)
    found = search(recording, values, progress=progress)
    samples = recording.resampled(found.definition.sample_rate).mono
    still_open = alternatives(samples, found.mel, found.definition, found.compression.gain)
    target = (against, wanted.definition) if against and wanted else None
    subject = MelSubject(name, found, still_open, target)
    findings, skips = rules.run_rules(subject, "mel")
    extra: dict[str, Any] = {"mel": describe(subject)}
    return Report(
        "mel",
        (recording.name, name),
        _verdict(subject, len(findings)),
        _coverage(found),
        findings,
        skips,
        extra=extra,
    )


def _open(
    given: str | os.PathLike[str] | NDArray[np.floating], key: str | None
) -> tuple[str, NDArray[Any]]:
    """Name and values of the mel."""
    if isinstance(given, np.ndarray):
        return "mel", given
    from auscult.checkpoint import open_checkpoint

    path = os.fspath(given)
    tensors = open_checkpoint(path, "" if key else None).tensors
    if key is not None and key not in tensors:
        raise UsageError(
            "has no such tensor",
            where=path,
            found=key,
            hint=f"it has {', '.join(list(tensors)[:8])}",
        )
    likely = (
        [key]
        if key
        else [
            name for name, tensor in tensors.items() if sum(size > 1 for size in tensor.shape) == 2
        ]
    )
    likely = (
        [name for name in likely if "mel" in name.lower()] or likely if len(likely) > 1 else likely
    )
    if len(likely) != 1:
        raise UsageError(
            "has no tensor that could be a mel"
            if not likely
            else "has several tensors that could be a mel",
            where=path,
            expected="one of two axes",
            found=", ".join(
                f"{name} {list(tensors[name].shape)}" for name in (likely or list(tensors))[:8]
            )
            or "no tensors",
            hint="name it with --key" if likely else None,
        )
    return path, np.asarray(tensors[likely[0]].numpy())


def _verdict(subject: MelSubject, findings: int) -> Verdict:
    if subject.found.compression.residual_share > MAX_EXACT_SHARE and (
        findings < 2 or subject.against is None
    ):
        return Verdict.INCONCLUSIVE
    return Verdict.DIVERGENT if findings else Verdict.PASS


def _coverage(found: Found) -> Coverage:
    """Every frame of the mel: compared with the sound's, or beyond its end."""
    frames = found.mel.shape[1]
    compared = min(frames, found.compression.frames)
    return Coverage("frames", {"compared": compared, "beyond_the_sound": frames - compared})


def describe(subject: MelSubject) -> Json:
    """The outcome as JSON."""
    found, compression = subject.found, subject.found.compression
    definition = compression.definition
    facts: Json = {
        "definition": definition.to_config(),
        "exact": compression.residual_share <= MAX_EXACT_SHARE,
        "residual": compression.residual,
        "residual_share": compression.residual_share,
        "worst": compression.worst,
        "open": {name: list(values) for name, values in subject.alternatives.items()},
        "gain": compression.gain,
        "axes": ["frames", "bands"] if found.transposed else ["bands", "frames"],
        "frames": {"mel": found.mel.shape[1], "definition": compression.frames},
        "tried": found.evaluations,
        "families": known_as(subject),
        "code": {
            "librosa": librosa_code(definition, compression.gain),
            "torchaudio": torchaudio_code(definition, compression.gain),
        },
        "configs": config_names(definition),
    }
    if subject.against:
        name, wanted = subject.against
        different = changes(definition, wanted, subject.alternatives)
        facts["against"] = {
            "family": name,
            "definition": wanted.to_config(),
            "changes": [
                {
                    "setting": change.setting,
                    "found": change.found,
                    "wanted": change.wanted,
                    "open": change.is_open,
                }
                for change in different
            ],
        }
    return facts


def known_as(subject: MelSubject) -> list[str]:
    """Names of the families whose definition this is, as far as the mel can tell."""
    definition = subject.found.definition
    return [
        name
        for name, entry in FAMILIES.items()
        if all(
            change.is_open for change in changes(definition, entry.definition, subject.alternatives)
        )
    ]
