"""`diagnose`: all the evidence at once.

Weights, code, traces and what is heard, joined to one cause, and the repair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import CheckpointError, UsageError
from auscult.facts.progress import Progress
from auscult.finding import Finding, Json, Severity, Skip
from auscult.report.sections import find_section
from auscult.report.sections.compare import CompareSection
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.report.sections.settle import SettleSection
from auscult.rules.diff.checkpoint.ckp010_truncated import finding_from_error
from auscult.rules.sound.subject import SoundFacts
from auscult.rules.suspects import EvidenceKind
from auscult.sound.mel import MelDefinition
from auscult.sound.recording import Recording
from auscult.verbs.diagnose.chain import CausalChain, build_causal_chain
from auscult.verbs.diagnose.evidence import DiagnosisCase, list_given_options, refuse_same_file
from auscult.verbs.diagnose.family_build import FamilyBuild, ModelInputs, build_family
from auscult.verbs.diagnose.next_run import (
    GivenOptions,
    list_missing_options,
    suggest_next_run,
    suggest_traces_run,
)
from auscult.verbs.diagnose.recordings import (
    DiagnosedRecording,
    add_family_facts,
    check_heard_recording,
    check_repaired_recording,
    collect_recordings,
    draw_mel_picture,
    measure_recording,
    render_repaired,
    write_recordings,
)
from auscult.verbs.diagnose.settle import (
    build_finding,
    describe_settlement,
    list_open_choices,
    rank_readings,
)
from auscult.verbs.listen.facts import complete_facts
from auscult.verbs.sides import CheckpointLike, open_side
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

SoundSource = Recording | str | Path

MAX_MEL_DISTANCE_DB = 10.0
"""A repaired recording counts as following its input below this distance; Griffin-Lim's is about 4
dB, a buzz 15 dB and more.
"""


def diagnose(
    checkpoint: CheckpointLike | None = None,
    model: CheckpointLike | None = None,
    *,
    reference_checkpoint: CheckpointLike | None = None,
    traces: tuple[CheckpointLike, CheckpointLike] | None = None,
    trace_inputs: Mapping[str, Any] | str | Path | None = None,
    trace_inputs_candidate: Mapping[str, Any] | str | Path | None = None,
    audio: SoundSource | None = None,
    reference_audio: SoundSource | None = None,
    config: str | Path | None = None,
    facts: SoundFacts | None = None,
    reports: Sequence[str | Path] = (),
    settle: bool = True,
    inputs: ModelInputs | None = None,
    mel: MelDefinition | None = None,
    output_dir: Path | None = None,
    container: str | None = None,
    kwargs: Json | None = None,
    progress: Progress | None = None,
) -> Report:
    """Say why a model sounds wrong, and find the settings that its weights do not show.

    Args:
        checkpoint: The trained weights: a path, a Checkpoint, several files of one model.
        model: The code that loads them: `package.module:callable`, `file.py:callable`, or a live
            module.
        reference_checkpoint: The weights as they should be: the original of a conversion.
        traces: Reference and candidate: two trace files, or what can be run.
        trace_inputs: Inputs for both, if they are run.
        trace_inputs_candidate: Inputs for the candidate, if it takes them in another form.
        audio: The recording that the model made.
        reference_audio: How it should sound: the recording whose mel went in. The variants of the
            family are tried on it.
        config: A JSON config of the model: sample rate, hop, strides, chunk. What it leaves out
            comes from the checkpoint.
        facts: What is known of the model. It comes before `config`, and `config` before the
            checkpoint.
        reports: JSON reports that were saved, such as that of `preflight` on the training.
        settle: Whether to try the variants of the model: the settings that no tensor shows. It needs
            `reference_audio`, PyTorch, and a family that auscult can run.
        inputs: Further inputs of the model by name, such as `speaker`.
        mel: The mel definition of the training. Default: that of the checkpoint's config.
        output_dir: Where the recordings and the picture go; nothing is written without it.

    Raises:
        CheckpointError, AudioError, TargetError, TraceError: If something given cannot be read.
        UsageError: If there is nothing to compare.
    """
    given_options = list_given_options(
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
    if not given_options:
        raise UsageError(
            "there is nothing to diagnose",
            hint="give what you have: CHECKPOINT, --model, --traces, --audio ...",
        )
    refuse_same_file(checkpoint, reference_checkpoint, "--reference-checkpoint")
    refuse_same_file(audio, reference_audio, "--reference-audio")
    case = DiagnosisCase()
    weights = _open_weights(case, checkpoint, container)
    if checkpoint is None and (model is not None or reference_checkpoint is not None):
        raise UsageError(
            "there is no checkpoint to hold that against",
            hint="give CHECKPOINT as the first argument",
        )
    _look_at_weights(case, weights, model, reference_checkpoint, kwargs=kwargs, progress=progress)
    for file in reports:
        case.add_saved_report(file)
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
        case.comparison = find_section(report, CompareSection)
        if case.comparison is not None:
            case.lines[-1]["first_divergence"] = case.comparison.first_divergence
    recordings = collect_recordings(audio, reference_audio)
    family_build = _build_runnable_family(
        case, weights, mel, inputs, is_requested=settle and reference_audio is not None
    )
    if isinstance(checkpoint, str | Path) and weights is not None:
        checkpoint_path = checkpoint
    else:
        checkpoint_path = None
    sound_facts = add_family_facts(complete_facts(facts, config, checkpoint_path), family_build)
    _listen_to_recordings(case, recordings, sound_facts)
    causal_chain = build_causal_chain(case.findings, frozenset(case.kinds), given_options)
    if family_build is not None:
        _settle_readings(case, family_build, recordings, sound_facts, progress)
    verdict = _decide_verdict(case, causal_chain)
    if causal_chain.next is None and verdict is not Verdict.DIVERGENT:
        causal_chain = replace(causal_chain, next=_suggest_next(case, verdict, given_options))
    missing_options = () if verdict is Verdict.DIVERGENT else list_missing_options(given_options)
    if output_dir is not None:
        recordings = write_recordings(recordings, output_dir)
    section = DiagnoseSection(
        diagnosis={
            **causal_chain.to_json(),
            "evidence": case.lines,
            "not_given": list(missing_options),
        },
        given={option: list(words) for option, words in given_options.items()},
        recordings=[
            measure_recording(item, recordings.get("input"), family_build)
            for item in recordings.values()
        ],
        same_weights=case.same_weights,
        comparison=case.comparison,
        settled=case.settled,
        pictures=draw_mel_picture(recordings, family_build, output_dir, case.skips) or None,
    )
    spoken = [item.recording.name for item in recordings.values() if item.role == "heard"]
    return Report(
        "diagnose",
        tuple(dict.fromkeys((*case.subjects, *spoken)))
        or tuple(word for words in given_options.values() for word in words),
        verdict,
        case.coverage,
        _put_cause_first(case.findings, causal_chain),
        tuple(case.skips),
        case.mapping,
        section,
    )


def _open_weights(
    case: DiagnosisCase, checkpoint: CheckpointLike | None, container: str | None
) -> Checkpoint | None:
    """The checkpoint; one that is cut off is a finding."""
    try:
        if checkpoint is None:
            return None
        return open_side(checkpoint, container=container)
    except CheckpointError as error:
        finding = finding_from_error(error)
        if finding is None:
            raise
        case.findings.append(finding)
        case.lines.append(
            {"kind": "weights", "verdict": Verdict.ERROR.value, "subjects": list(finding.where)}
        )
        return None


def _look_at_weights(
    case: DiagnosisCase,
    weights: Checkpoint | None,
    model: CheckpointLike | None,
    reference: CheckpointLike | None,
    *,
    kwargs: Json | None,
    progress: Progress | None,
) -> None:
    """The checkpoint by itself, against the code, and against its original, as far as these are
    given.
    """
    if weights is None:
        return
    from auscult.verbs.diff.diff import compare_checkpoints
    from auscult.verbs.inspect.inspect import inspect

    if reference is not None:
        report = compare_checkpoints(open_side(reference), weights, progress=progress)
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
            compare_checkpoints(weights, open_side(model, kwargs=kwargs), progress=progress),
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


_AGAINST_ORIGINAL: tuple[EvidenceKind, ...] = ("weights", "reference-weights")
_AGAINST_CODE: tuple[EvidenceKind, ...] = ("weights", "code")
_TRACES: tuple[EvidenceKind, ...] = ("traces",)


def _build_runnable_family(
    case: DiagnosisCase,
    weights: Checkpoint | None,
    mel: MelDefinition | None,
    inputs: ModelInputs | None,
    *,
    is_requested: bool,
) -> FamilyBuild | None:
    """The family ready to run; the reason why not becomes a skip."""
    if weights is None:
        return None
    if not is_requested:
        case.skips.append(
            Skip("settling", "not asked for, or no reference recording to run the variants on")
        )
        return None
    try:
        import torch  # noqa: F401

        return build_family(weights, mel, inputs)
    except (UsageError, ImportError) as error:
        case.skips.append(Skip("settling", f"the family cannot be run: {error}"))
        return None


def _listen_to_recordings(
    case: DiagnosisCase, recordings: Mapping[str, DiagnosedRecording], facts: SoundFacts
) -> None:
    listened = check_heard_recording(recordings, facts)
    case.findings += listened.findings
    case.skips += listened.skips
    if "heard" not in recordings:
        return
    worst = min((item.severity.rank for item in listened.findings), default=Severity.INFO.rank)
    case.unlike = listened.unlike
    if worst == 0:
        verdict = Verdict.DIVERGENT
    elif listened.unlike:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.PASS
    causes = list(
        dict.fromkeys(
            item.cause for item in listened.findings if item.severity is not Severity.INFO
        )
    )
    sentence = (
        ", ".join((*causes, *(["not what the reference says"] if listened.unlike else [])))
        or "nothing wrong by itself"
    )
    case.lines.append(
        {
            "kind": "sound",
            "verdict": verdict.value,
            "subjects": [recordings["heard"].recording.name],
            "says": sentence,
        }
    )
    if "input" in recordings:
        case.kinds.add("reference-audio")


def _settle_readings(
    case: DiagnosisCase,
    family_build: FamilyBuild,
    recordings: dict[str, DiagnosedRecording],
    facts: SoundFacts,
    progress: Progress | None,
) -> None:
    """Run the readings of the family that load the same tensors, and let the best one speak."""
    settlement = rank_readings(family_build, recordings["input"].recording, progress=progress)
    case.findings = [
        *(item for item in case.findings if item.cause != "undetermined-by-weights"),
        build_finding(family_build, settlement),
    ]
    case.skips += list_open_choices(settlement)
    case.settled = SettleSection(describe_settlement(family_build, settlement))
    if settlement.works:
        recordings["repaired"] = DiagnosedRecording(
            "repaired", render_repaired(family_build, settlement, recordings["input"].recording)
        )
        case.findings += check_repaired_recording(recordings, facts)


def _put_cause_first(findings: Sequence[Finding], causal_chain: CausalChain) -> tuple[Finding, ...]:
    """The cause before its equals: a report sorts by severity, then by rank."""
    return tuple(
        replace(item, rank=-1) if item is causal_chain.cause else item for item in findings
    )


def _decide_verdict(case: DiagnosisCase, causal_chain: CausalChain) -> Verdict:
    """DIVERGENT with a cause; INCONCLUSIVE with a symptom that no evidence explains, or where
    nothing was settled.
    """
    if causal_chain.cause is not None:
        return Verdict.DIVERGENT
    is_unsettled = case.settled is not None and not case.settled.works
    if causal_chain.symptoms or case.unlike or is_unsettled:
        return Verdict.INCONCLUSIVE
    if Verdict.DIVERGENT in case.verdicts or Verdict.ERROR in case.verdicts:
        return Verdict.INCONCLUSIVE
    if case.settled is not None:
        return Verdict.PASS
    order = (Verdict.INCONCLUSIVE, Verdict.EQUIVALENT, Verdict.PASS)
    if not case.verdicts:
        if any(line["kind"] == "sound" for line in case.lines):
            return Verdict.PASS
        return Verdict.INCONCLUSIVE
    return next(verdict for verdict in order if verdict in case.verdicts)


def _suggest_next(case: DiagnosisCase, verdict: Verdict, given_options: GivenOptions) -> str | None:
    """The one run that would settle what is open; where nothing is, what could still be heard."""
    trace_verdicts = [line["verdict"] for line in case.lines if line["kind"] == "layers"]
    if verdict is Verdict.INCONCLUSIVE and any(
        trace_verdict not in (Verdict.PASS, Verdict.EQUIVALENT) for trace_verdict in trace_verdicts
    ):
        command = suggest_traces_run(
            given_options, inputs_differ=any(skip.where == "inputs" for skip in case.skips)
        )
        if command is not None:
            return command
    command = suggest_next_run(frozenset(case.kinds), given_options)
    if command is None or verdict is Verdict.INCONCLUSIVE:
        return command
    return f"if it still sounds wrong: {command}"


def is_input_reproduced(report: Report) -> bool:
    """Whether the repaired recording says what went in: nearer than `MAX_MEL_DISTANCE_DB` to the
    input's mel.
    """
    section = find_section(report, DiagnoseSection)
    if section is None:
        return False
    repaired = [item for item in section.recordings if item["role"] == "repaired"]
    return (
        bool(repaired)
        and bool(np.isfinite(repaired[0]["mel_distance_db"]))
        and repaired[0]["mel_distance_db"] <= MAX_MEL_DISTANCE_DB
    )
