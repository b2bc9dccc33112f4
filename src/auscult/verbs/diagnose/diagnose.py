"""`diagnose`: all the evidence at once. Weights, code, traces and what is heard, joined to one cause, and the repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import CheckpointError, UsageError
from auscult.finding import Finding, Json, Severity, Skip
from auscult.rules.diff.checkpoint.ckp010_truncated import finding_of_error
from auscult.rules.sound.subject import SoundFacts
from auscult.sound.mel import MelDefinition
from auscult.sound.recording import Recording
from auscult.symptoms import Evidence
from auscult.verbs.diagnose.chain import Chain, chain
from auscult.verbs.diagnose.evidence import Case, refuse_the_same, told_of
from auscult.verbs.diagnose.next_run import Told, missing, not_given, traces_run
from auscult.verbs.diagnose.recordings import (
    Heard,
    listen_again,
    listen_to,
    measures_of,
    picture_of,
    recordings_of,
    speak,
    with_family,
    write_all,
)
from auscult.verbs.diagnose.settle import (
    Inputs,
    Reading,
    finding,
    read_model,
    settle_reading,
    skips,
    to_json,
)
from auscult.verbs.listen.facts import known_facts
from auscult.verbs.sides import Given, open_side
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

Progress = Callable[[int, int, str], None]
Sound = Recording | str | Path

MAX_MEL_DISTANCE_DB = 10.0
"""A repaired recording counts as following its input below this distance; Griffin-Lim's is about 4 dB, a buzz 15 dB and more."""


def diagnose(
    checkpoint: Given | None = None,
    model: Given | None = None,
    *,
    reference_checkpoint: Given | None = None,
    traces: tuple[Given, Given] | None = None,
    trace_inputs: Mapping[str, Any] | str | Path | None = None,
    trace_inputs_candidate: Mapping[str, Any] | str | Path | None = None,
    audio: Sound | None = None,
    reference_audio: Sound | None = None,
    config: str | Path | None = None,
    facts: SoundFacts | None = None,
    reports: Sequence[str | Path] = (),
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
        reference_checkpoint: The weights as they should be: the original of a conversion.
        traces: Reference and candidate: two trace files, or what can be run.
        trace_inputs: What both are run on, where they are run.
        trace_inputs_candidate: The candidate's, where it takes them in another form.
        audio: What the model gave.
        reference_audio: What it should have given: the recording whose mel went in. The variants of the family run on it.
        config: A JSON config of the model: sample rate, hop, strides, chunk. What it leaves out comes from the checkpoint.
        facts: What is known of the sound that the model makes; wins over `config`, which wins over the checkpoint.
        reports: JSON reports that other runs saved, such as that of `preflight` on the training.
        settle: Whether to run the variants; needs `reference_audio`, PyTorch, and a family whose code auscult has.
        inputs: Further inputs of the model by name, such as `speaker`.
        mel: What the model was fed in training; default: what the checkpoint's config says.
        output_dir: Where the recordings and the picture go; nothing is written without it.

    Raises:
        CheckpointError, AudioError, TargetError, TraceError: If something given cannot be read.
        UsageError: If nothing is given that could be held against something.
    """
    told = told_of(
        checkpoint=checkpoint,
        model=model,
        reference_checkpoint=reference_checkpoint,
        traces=traces,
        inputs=trace_inputs if isinstance(trace_inputs, str | Path) else None,
        audio=audio,
        reference_audio=reference_audio,
        config=config,
        report=list(reports) or None,
    )
    if not told:
        raise UsageError(
            "there is nothing to diagnose",
            hint="give what you have: CHECKPOINT, --model, --traces, --audio ...",
        )
    refuse_the_same(checkpoint, reference_checkpoint, "--reference-checkpoint")
    refuse_the_same(audio, reference_audio, "--reference-audio")
    case = Case()
    weights = _opened(case, checkpoint, container)
    if checkpoint is None and (model is not None or reference_checkpoint is not None):
        raise UsageError(
            "there is no checkpoint to hold that against",
            hint="give CHECKPOINT as the first argument",
        )
    _look_at_weights(case, weights, model, reference_checkpoint, kwargs=kwargs, progress=progress)
    for file in reports:
        case.add_saved(file)
    if traces is not None:
        from auscult.verbs.compare.compare import compare

        report = compare(
            *traces,
            inputs=trace_inputs,
            inputs_cand=trace_inputs_candidate,
            floor=case.rounding(),
            progress=progress,
        )
        case.add("layers", report, _TRACES)
        case.extra |= report.extra
        case.lines[-1]["first_divergence"] = report.extra.get("first_divergence")
    heard = recordings_of(audio, reference_audio)
    reading = _reading(case, weights, mel, inputs, wanted=settle and reference_audio is not None)
    opened = checkpoint if isinstance(checkpoint, str | Path) and weights is not None else None
    known = with_family(known_facts(facts, config, opened), reading)
    _listen(case, heard, known)
    cause = chain(case.findings, frozenset(case.kinds), told)
    if reading is not None:
        _settle(case, reading, heard, known, progress)
    verdict = _verdict(case, cause)
    if cause.next is None and verdict is not Verdict.DIVERGENT:
        cause = replace(cause, next=_next(case, verdict, told))
    case.extra["given"] = {option: list(words) for option, words in told.items()}
    open_ends = () if verdict is Verdict.DIVERGENT else not_given(told)
    case.extra["diagnosis"] = {
        **cause.to_json(),
        "evidence": case.lines,
        "not_given": list(open_ends),
    }
    if output_dir is not None:
        heard = write_all(heard, output_dir)
    case.extra["recordings"] = [
        measures_of(item, heard.get("input"), reading) for item in heard.values()
    ]
    case.extra |= picture_of(heard, reading, output_dir, case.skips)
    spoken = [item.recording.name for item in heard.values() if item.role == "heard"]
    return Report(
        "diagnose",
        tuple(dict.fromkeys((*case.subjects, *spoken)))
        or tuple(word for words in told.values() for word in words),
        verdict,
        case.coverage,
        _in_order(case.findings, cause),
        tuple(case.skips),
        case.mapping,
        case.extra,
    )


def _opened(case: Case, checkpoint: Given | None, container: str | None) -> Checkpoint | None:
    """The checkpoint; one that is cut off is a finding."""
    try:
        return None if checkpoint is None else open_side(checkpoint, container=container)
    except CheckpointError as error:
        finding = finding_of_error(error)
        if finding is None:
            raise
        case.findings.append(finding)
        case.lines.append(
            {"kind": "weights", "verdict": Verdict.ERROR.value, "subjects": list(finding.where)}
        )
        return None


def _look_at_weights(
    case: Case,
    weights: Checkpoint | None,
    model: Given | None,
    reference: Given | None,
    *,
    kwargs: Json | None,
    progress: Progress | None,
) -> None:
    """The checkpoint by itself, against the code, and against its original, as far as these are given."""
    if weights is None:
        return
    from auscult.verbs.diff.diff import compare
    from auscult.verbs.inspect.inspect import inspect

    if reference is not None:
        report = compare(weights, open_side(reference), progress=progress)
        if not report.mapping:
            raise UsageError(
                "has no tensor in common with its original",
                where=weights.path,
                hint="give the original of this very model",
            )
        case.add("weights against the original", report, _AGAINST_ORIGINAL)
    if model is not None:
        case.add(
            "weights against the code",
            compare(weights, open_side(model, kwargs=kwargs), progress=progress),
            _AGAINST_CODE,
        )
    else:
        case.skips.append(Skip("model", "no code was given: checkpoint and code were not compared"))
    if model is None and reference is None:
        case.skips += weights.skips
        case.subjects.append(weights.path)
        alone = inspect(weights)
        case.findings += alone.findings
        case.kinds.add("weights")
        case.lines.append(
            {"kind": "weights", "verdict": alone.verdict.value, "subjects": [weights.path]}
        )


_AGAINST_ORIGINAL: tuple[Evidence, ...] = ("weights", "reference-weights")
_AGAINST_CODE: tuple[Evidence, ...] = ("weights", "code")
_TRACES: tuple[Evidence, ...] = ("traces",)


def _reading(
    case: Case,
    weights: Checkpoint | None,
    mel: MelDefinition | None,
    inputs: Inputs | None,
    *,
    wanted: bool,
) -> Reading | None:
    """The family ready to run; the reason why not becomes a skip."""
    if weights is None:
        return None
    if not wanted:
        case.skips.append(
            Skip("settling", "not asked for, or no reference recording to run the variants on")
        )
        return None
    try:
        import torch  # noqa: F401

        return read_model(weights, mel, inputs)
    except (UsageError, ImportError) as error:
        case.skips.append(Skip("settling", f"the family cannot be run: {error}"))
        return None


def _listen(case: Case, heard: Mapping[str, Heard], facts: SoundFacts) -> None:
    listened = listen_to(heard, facts)
    case.findings += listened.findings
    case.skips += listened.skips
    if "heard" not in heard:
        return
    worst = min((item.severity.rank for item in listened.findings), default=Severity.INFO.rank)
    case.unlike = listened.unlike
    verdict = (
        Verdict.DIVERGENT
        if worst == 0
        else Verdict.INCONCLUSIVE
        if listened.unlike
        else Verdict.PASS
    )
    named = list(
        dict.fromkeys(
            item.cause for item in listened.findings if item.severity is not Severity.INFO
        )
    )
    says = (
        ", ".join((*named, *(["not what the reference says"] if listened.unlike else [])))
        or "nothing wrong by itself"
    )
    case.lines.append(
        {
            "kind": "sound",
            "verdict": verdict.value,
            "subjects": [heard["heard"].recording.name],
            "says": says,
        }
    )
    if "input" in heard:
        case.kinds.add("reference-audio")


def _settle(
    case: Case,
    reading: Reading,
    heard: dict[str, Heard],
    facts: SoundFacts,
    progress: Progress | None,
) -> None:
    """Run the readings of the family that load the same tensors, and let the best one speak."""
    settlement = settle_reading(reading, heard["input"].recording, progress=progress)
    case.findings = [
        *(f for f in case.findings if f.cause != "undetermined-by-weights"),
        finding(reading, settlement),
    ]
    case.skips += skips(settlement)
    case.extra["settlement"] = to_json(reading, settlement)
    if settlement.works:
        heard["repaired"] = Heard("repaired", speak(reading, settlement, heard["input"].recording))
        case.findings += listen_again(heard, facts)


def _in_order(findings: Sequence[Finding], cause: Chain) -> tuple[Finding, ...]:
    """The cause before its equals: a report sorts by severity, then by rank."""
    return tuple(replace(item, rank=-1) if item is cause.cause else item for item in findings)


def _verdict(case: Case, cause: Chain) -> Verdict:
    """DIVERGENT with a cause; INCONCLUSIVE with a symptom that no evidence explains, or where nothing was settled."""
    if cause.cause is not None:
        return Verdict.DIVERGENT
    settlement: Any = case.extra.get("settlement")
    if cause.symptoms or case.unlike or (settlement is not None and not settlement["works"]):
        return Verdict.INCONCLUSIVE
    if Verdict.DIVERGENT in case.verdicts or Verdict.ERROR in case.verdicts:
        return Verdict.INCONCLUSIVE
    if settlement is not None:
        return Verdict.PASS
    order = (Verdict.INCONCLUSIVE, Verdict.EQUIVALENT, Verdict.PASS)
    if not case.verdicts:
        return (
            Verdict.PASS
            if any(line["kind"] == "sound" for line in case.lines)
            else Verdict.INCONCLUSIVE
        )
    return next(verdict for verdict in order if verdict in case.verdicts)


def _next(case: Case, verdict: Verdict, told: Told) -> str | None:
    """The one run that would settle what is open; where nothing is, what could still be heard."""
    traces = [line["verdict"] for line in case.lines if line["kind"] == "layers"]
    if verdict is Verdict.INCONCLUSIVE and any(
        said not in (Verdict.PASS, Verdict.EQUIVALENT) for said in traces
    ):
        command = traces_run(told, inputs_differ=any(skip.where == "inputs" for skip in case.skips))
        if command is not None:
            return command
    command = missing(frozenset(case.kinds), told)
    return (
        command
        if command is None or verdict is Verdict.INCONCLUSIVE
        else f"if it still sounds wrong: {command}"
    )


def follows_input(report: Report) -> bool:
    """Whether the repaired recording says what went in: nearer than `MAX_MEL_DISTANCE_DB` to the input's mel."""
    repaired = [item for item in report.extra.get("recordings", ()) if item["role"] == "repaired"]
    return (
        bool(repaired)
        and bool(np.isfinite(repaired[0]["mel_distance_db"]))
        and repaired[0]["mel_distance_db"] <= MAX_MEL_DISTANCE_DB
    )
