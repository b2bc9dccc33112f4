"""`run codec CHECKPOINT`: recordings to the codes of EnCodec, DAC, Mimi or SNAC, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from auscult.checkpoint import open_checkpoint
from auscult.errors import UsageError
from auscult.facts.atomic import replace_file
from auscult.facts.config_file import load_config_file
from auscult.families.codecs import CodeArrays, Codec, iter_codec_families
from auscult.finding import Finding, Severity
from auscult.report.sections.run import RunSection
from auscult.rules.sound.snd053_unexplained import CODE, NAME
from auscult.runtime.device import DeviceName, require_device
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.sound.settle import frame_distances, stationary_distance
from auscult.verbs.run.sound_facts import describe_sound
from auscult.verbs.run.vocoder.judge import MelDistance, find_broken_output
from auscult.verdict import Report, Verdict

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def is_foreign_codec(checkpoint: Path) -> bool:
    """Whether it is a folder, or a file with a config.json beside it: no codec of auscult's own."""
    return checkpoint.is_dir() or (checkpoint.parent / "config.json").is_file()


def encode_foreign(
    checkpoint: str | Path,
    source: str | Path,
    *,
    codes: str | Path | None = None,
    output: str | Path | None = None,
    kbits: float | None = None,
    device: DeviceName = "cpu",
) -> Report:
    """Write the codes of a recording, and the sound that they give, as far as either is asked for.

    Args:
        checkpoint: A folder with the codec's config.json and weights.
        codes: .npz with all that decoding needs, or .npy with the codes alone.
        output: The recording decoded again.
        kbits: At most so many kbit/s, where the codec can choose.

    Returns:
        PASS; INCONCLUSIVE where the decoded sound's mel is not the recording's; DIVERGENT where it is
        silent or no numbers.

    Raises:
        UsageError: If the folder is no such codec, a package is missing, or nothing is to be written.
        CheckpointError, AudioError: If a file cannot be read or written.
    """
    if codes is None and output is None:
        raise UsageError("has nothing to write", hint="give --codes CODES.npz, -o OUT.wav, or both")
    require_device(device)
    family, codec = _open_codec(checkpoint, device)
    recording = _fit_channels(read_recording(source).resample(codec.sample_rate), codec.channels)
    start_time = time.perf_counter()
    arrays = codec.encode(recording.samples, kbits)
    decoded = None
    if output is not None:
        decoded = Recording(codec.decode(arrays), codec.sample_rate, str(output))
        decoded = decoded.cut(recording.seconds)
        write_recording(decoded.replace_non_finite(), output, exact=True)
    seconds_taken = time.perf_counter() - start_time
    count = sum(array.size for name, array in arrays.items() if name.startswith("codes"))
    settings: dict[str, Any] = {
        "device": device,
        "codes": count,
        "kbit/s": round(count * codec.bits / recording.seconds / 1000, 2),
    }
    if codes is not None:
        _write_codes(arrays, Path(codes))
        settings["written to"] = str(codes)
    facts = {
        "family": family,
        "file": str(output or codes),
        **describe_sound((decoded or recording).replace_non_finite()),
        "settings": settings,
        "took_seconds": seconds_taken,
    }
    return _judge(str(checkpoint), facts, decoded, recording)


def decode_foreign(
    checkpoint: str | Path, codes: str | Path, output: str | Path, *, device: DeviceName = "cpu"
) -> Report:
    """Write codes as a recording.

    Raises:
        UsageError: If the folder is no such codec, or the file holds no codes.
        CheckpointError, AudioError: If a file cannot be read or written.
    """
    require_device(device)
    family, codec = _open_codec(checkpoint, device)
    start_time = time.perf_counter()
    decoded = Recording(codec.decode(_read_codes(Path(codes))), codec.sample_rate, str(output))
    seconds_taken = time.perf_counter() - start_time
    write_recording(decoded.replace_non_finite(), output, exact=True)
    facts = {
        "family": family,
        "file": str(output),
        **describe_sound(decoded.replace_non_finite()),
        "settings": {"device": device},
        "took_seconds": seconds_taken,
    }
    return _judge(str(checkpoint), facts, decoded, None)


def _open_codec(checkpoint: str | Path, device: DeviceName) -> tuple[str, Codec]:
    """The family's name and the codec of a folder.

    Raises:
        UsageError: If there is no config, or it is none of a known codec.
    """
    folder = Path(checkpoint) if Path(checkpoint).is_dir() else Path(checkpoint).parent
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise UsageError(
            "has no config.json beside it",
            where=str(checkpoint),
            hint="give the folder of a codec as transformers or snac keeps it",
        )
    config = load_config_file(config_path)
    for family, code in iter_codec_families():
        if code.accepts(config):
            weights = open_checkpoint(_find_weights(Path(checkpoint)))
            arrays = {name: tensor.values() for name, tensor in weights.items()}
            return family, code.open_codec(config, arrays, device)
    known = ", ".join(name for name, _ in iter_codec_families())
    raise UsageError(
        "is the config of no codec that auscult runs",
        where=str(config_path),
        expected=known,
        found=config.get("model_type") or ", ".join(list(config)[:4]),
    )


def _find_weights(checkpoint: Path) -> Path:
    if not checkpoint.is_dir():
        return checkpoint
    for name in WEIGHT_FILES:
        if (checkpoint / name).is_file():
            return checkpoint / name
    raise UsageError(
        "holds no weights", where=str(checkpoint), expected=" or ".join(WEIGHT_FILES), found="none"
    )


def _fit_channels(recording: Recording, channels: int) -> Recording:
    """Mixed to one channel, or one channel given twice, where the codec has another number."""
    if len(recording.samples) == channels:
        return recording
    return replace(recording, samples=np.repeat(recording.mono[None], channels, axis=0))


def _write_codes(arrays: CodeArrays, path: Path) -> None:
    """The codes as .npz, or the one array of [books, frames] as .npy.

    Raises:
        UsageError: If .npy cannot hold all that decoding needs.
    """
    if path.suffix.lower() not in (".npy", ".npz"):
        raise UsageError("is no file for codes", where=str(path), expected=".npz or .npy")
    with replace_file(path) as partial, partial.open("wb") as handle:
        if path.suffix.lower() == ".npz":
            np.savez(handle, **arrays)  # type: ignore[arg-type]
            return
        needed = {name: array for name, array in arrays.items() if array.ndim > 0 or bool(array)}
        values = next(iter(needed.values()))
        if len(needed) != 1 or (values.ndim == 3 and len(values) != 1):
            raise UsageError(
                "cannot hold all that decoding needs",
                where=str(path),
                found=", ".join(needed),
                hint="give a name that ends in .npz",
            )
        np.save(handle, values[0] if values.ndim == 3 else values)


def _read_codes(path: Path) -> CodeArrays:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = dict(loaded) if isinstance(loaded, Mapping) else {"codes": loaded}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UsageError(
            "cannot be read as codes", where=str(path), found=str(error)[:200]
        ) from error
    if not any(name.startswith("codes") for name in arrays):
        raise UsageError("holds no codes", where=str(path), found=", ".join(arrays) or "nothing")
    return arrays


def _judge(
    subject: str, facts: dict[str, Any], decoded: Recording | None, source: Recording | None
) -> Report:
    """The report: whether the decoded sound is a sound, and whether its mel is the recording's."""
    if decoded is None:
        return Report("run codec", (subject,), Verdict.PASS, section=RunSection(facts))
    broken = find_broken_output(decoded.mono, source)
    if broken is not None:
        section = RunSection(facts)
        return Report(
            "run codec", (subject,), Verdict.DIVERGENT, findings=(broken,), section=section
        )
    findings, verdict = [], Verdict.PASS
    if source is not None:
        mel_return = _compare_mels(decoded, source)
        facts["mel_return"] = mel_return.to_json()
        if not mel_return.works:
            verdict = Verdict.INCONCLUSIVE
            findings.append(_build_return_finding(mel_return))
    return Report(
        "run codec", (subject,), verdict, findings=tuple(findings), section=RunSection(facts)
    )


def _build_return_finding(mel_return: MelDistance) -> Finding:
    """That the decoded sound is not the recording."""
    message = (
        f"the mel of the decoded sound is {mel_return.distance:.2f} away from the recording's, a"
        f" stationary sound {mel_return.stationary:.2f}: untrained weights, too few codes, or sound"
        " of another kind than it was trained on"
    )
    return Finding(
        CODE, NAME, Severity.WARNING, ("output",), message, evidence=mel_return.to_json()
    )


def _compare_mels(decoded: Recording, source: Recording) -> MelDistance:
    """How far the mel of the decoded sound is from the recording's, in HiFi-GAN's definition at the codec's rate."""
    rate = source.sample_rate
    definition = MelDefinition(sample_rate=rate, fmax=min(8000.0, rate / 2))
    target = mel_spectrogram(source.mono, definition)
    output = mel_spectrogram(decoded.mono, definition)
    return MelDistance(float(frame_distances(output, target).mean()), stationary_distance(target))
