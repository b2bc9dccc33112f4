"""`diagnose`: all the evidence at once. Weights against code, what is heard, what the weights leave open, and the repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import UsageError
from auscult.finding import Finding, Json, Severity, Skip
from auscult.rules.subject import SoundSubject
from auscult.sound.measures import comb_share, log_mel_distance, mel_correlation, mel_movement_db, rms
from auscult.sound.mel import MelDefinition, decibel, mel_spectrogram
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.sound.settle import Settlement
from auscult.verbs._sides import Given, open_side
from auscult.verbs.settle import Inputs, Reading, finding, read_model, settle_reading, skips, to_json
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

Progress = Callable[[int, int, str], None]

MAX_MEL_DISTANCE_DB = 10.0
"""A repaired recording counts as following its input below this distance; Griffin-Lim's is about 4 dB, a buzz 15 dB and more."""


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


def diagnose(
    checkpoint: Given,
    model: Given | None = None,
    *,
    audio: Recording | str | Path | None = None,
    reference_audio: Recording | str | Path | None = None,
    settle: bool = True,
    inputs: Inputs | None = None,
    mel: MelDefinition | None = None,
    output_dir: Path | None = None,
    container: str | None = None,
    kwargs: Json | None = None,
    progress: Progress | None = None,
) -> Report:
    """Say what is wrong with a model that sounds wrong, settle what its weights cannot show, and let it speak again.

    Args:
        checkpoint: The trained weights: a path, a Checkpoint, several files of one model.
        model: The code that loads them: `package.module:callable`, `file.py:callable`, or a live module.
        audio: What the model gave.
        reference_audio: What it should have given: the recording whose mel went in. The variants of the family run on it.
        settle: Whether to run the variants; needs `reference_audio`, PyTorch, and a family whose code auscult has.
        inputs: Further inputs of the model by name, such as `speaker`.
        mel: What the model was fed in training; default: what the checkpoint's config says.
        output_dir: Where the recordings and the picture go; nothing is written without it.

    Raises:
        CheckpointError, AudioError, TargetError: If something given cannot be read.
        UsageError: If only a checkpoint is given: there is nothing to hold it against.
    """
    if model is None and audio is None and reference_audio is None:
        raise UsageError("nothing to hold the checkpoint against", hint="give --model, --audio or --reference-audio")
    weights = open_side(checkpoint, container=container)
    heard = _heard(audio, reference_audio)
    base = _weight_report(weights, model, kwargs, progress)
    reading, missing = _reading(weights, mel, inputs, wanted=settle and reference_audio is not None)
    sound_findings, sound_skips = _listen(heard, reading)
    findings, open_points = [*base.findings, *sound_findings], [*base.skips, *sound_skips, *missing]
    extra: Json = {}
    if reading is not None:
        settlement = settle_reading(reading, heard["input"].recording, progress=progress)
        findings = [*(f for f in findings if f.cause != "undetermined-by-weights"), finding(reading, settlement)]
        open_points += skips(settlement)
        extra["settlement"] = to_json(reading, settlement)
        if settlement.works:
            heard["repaired"] = Heard("repaired", _speak(reading, settlement, heard["input"].recording))
            findings += _listen_again(heard, reading)
    if output_dir is not None:
        heard = _write(heard, output_dir)
    extra["recordings"] = [_measures(item, heard.get("input"), reading) for item in heard.values()]
    extra |= _picture(heard, reading, output_dir, open_points)
    return Report(
        "diagnose",
        tuple(base.subjects) + tuple(item.recording.name for item in heard.values() if item.role == "heard"),
        _verdict(base, findings, extra),
        base.coverage,
        tuple(findings),
        tuple(open_points),
        base.mapping,
        extra,
    )


def _heard(audio: Recording | str | Path | None, reference: Recording | str | Path | None) -> dict[str, Heard]:
    """The recordings that were given, by role."""
    given = {"input": reference, "heard": audio}
    return {
        role: Heard(role, item if isinstance(item, Recording) else read_recording(item))
        for role, item in given.items()
        if item is not None
    }


def _weight_report(weights: Checkpoint, model: Given | None, kwargs: Json | None, progress: Progress | None) -> Report:
    if model is None:
        skip = Skip("model", "no code was given: checkpoint and code were not compared")
        return Report("diagnose", (weights.path,), Verdict.INCONCLUSIVE, skips=(skip, *weights.skips))
    from auscult.verbs.diff import compare

    return compare(weights, open_side(model, kwargs=kwargs), progress=progress)


def _reading(
    weights: Checkpoint, mel: MelDefinition | None, inputs: Inputs | None, *, wanted: bool
) -> tuple[Reading | None, tuple[Skip, ...]]:
    """The family ready to run, or the reason why not."""
    if not wanted:
        return None, (Skip("settling", "not asked for, or no reference recording to run the variants on"),)
    try:
        import torch  # noqa: F401

        return read_model(weights, mel, inputs), ()
    except (UsageError, ImportError) as error:
        return None, (Skip("settling", f"the family cannot be run: {error}"),)


def _listen(heard: Mapping[str, Heard], reading: Reading | None) -> tuple[Sequence[Finding], Sequence[Skip]]:
    """What the sound rules say of the recording that the user's program gave."""
    from auscult import rules

    if "heard" not in heard:
        return (), (Skip("audio", "no recording of the model was given"),)
    reference = heard["input"].recording if "input" in heard else None
    hop = reading.mel.hop if reading else None
    return rules.run(SoundSubject(heard["heard"].recording, reference, hop))


def _listen_again(heard: Mapping[str, Heard], reading: Reading) -> list[Finding]:
    """What the sound rules still say after the repair: no longer an error of loading, so never more than a warning."""
    from auscult import rules

    found, _ = rules.run(SoundSubject(heard["repaired"].recording, heard["input"].recording, reading.mel.hop))
    return [
        replace(
            item,
            severity=Severity.WARNING,
            message=f"after the repair, {item.message}; what remains is in the trained weights, not in how they are loaded",
        )
        for item in found
    ]


def _speak(reading: Reading, settlement: Settlement, source: Recording) -> Recording:
    """The settled model's rendering of the whole input."""
    config = replace(reading.detection.config, **settlement.best.values)
    sound = source.resampled(reading.mel.sample_rate)
    samples = reading.render(config, mel_spectrogram(sound.mono, reading.mel))
    return Recording.mono_of(samples[: sound.samples.shape[1]], reading.mel.sample_rate, "repaired.wav")


def _write(heard: Mapping[str, Heard], folder: Path) -> dict[str, Heard]:
    """Each recording as a WAV file named after its role."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"input": "input.wav", "heard": "wrong.wav", "repaired": "repaired.wav"}
    return {role: replace(item, file=write_recording(item.recording, folder / names[role])) for role, item in heard.items()}


def _measures(item: Heard, source: Heard | None, reading: Reading | None) -> Json:
    """A recording in numbers, for the report."""
    recording = item.recording
    samples, rate = recording.mono, recording.sample_rate
    result: Json = {
        "role": item.role,
        "file": str(item.file) if item.file else None,
        "seconds": round(recording.seconds, 3),
        "sample_rate": rate,
        "rms": round(rms(samples), 5),
        "movement_db": round(mel_movement_db(samples, rate), 2),
    }
    if reading is not None:
        result["comb_share"] = round(comb_share(samples, rate, reading.mel.hop), 3)
    if reading is not None and source is not None and item.role != "input":
        mine, wanted = (
            mel_spectrogram(r.resampled(reading.mel.sample_rate).mono, reading.mel) for r in (recording, source.recording)
        )
        if reading.mel.log != "none":
            result["mel_distance_db"] = round(log_mel_distance(mine, wanted) / decibel(reading.mel), 2)
        result["mel_correlation"] = round(mel_correlation(mine, wanted), 3)
    return result


def _picture(heard: Mapping[str, Heard], reading: Reading | None, folder: Path | None, open_points: list[Skip]) -> Json:
    """The mel spectrograms one above the other, where there is a folder to put them in."""
    if folder is None:
        return {}
    from auscult.report._mel_picture import draw_mels

    titles = {"input": "what should be heard", "heard": "what was heard", "repaired": "after the repair"}
    definition = reading.mel if reading else MelDefinition()
    rows = [
        (titles[role], mel_spectrogram(item.recording.resampled(definition.sample_rate).mono, definition))
        for role, item in heard.items()
    ]
    try:
        return {"pictures": [{"title": "Mel spectrograms", "file": str(draw_mels(rows, definition, folder / "mel.png"))}]}
    except ImportError:
        open_points.append(Skip("picture", "needs matplotlib: pip install 'auscult[html]'"))
        return {}


def _verdict(base: Report, findings: Sequence[Finding], extra: Json) -> Verdict:
    """DIVERGENT with an error found; otherwise what the weights gave, or INCONCLUSIVE where nothing could be settled."""
    if any(f.severity is Severity.ERROR for f in findings):
        return Verdict.DIVERGENT
    settlement: Any = extra.get("settlement")
    if settlement is not None and not settlement["works"]:
        return Verdict.INCONCLUSIVE
    if settlement is not None and base.coverage is None:
        return Verdict.PASS
    return base.verdict


def follows_input(report: Report) -> bool:
    """Whether the repaired recording says what went in: nearer than `MAX_MEL_DISTANCE_DB` to the input's mel."""
    repaired = [item for item in report.extra.get("recordings", ()) if item["role"] == "repaired"]
    return (
        bool(repaired)
        and bool(np.isfinite(repaired[0]["mel_distance_db"]))
        and repaired[0]["mel_distance_db"] <= MAX_MEL_DISTANCE_DB
    )
