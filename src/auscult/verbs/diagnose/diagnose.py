"""`diagnose`: all the evidence at once.

Weights, code, traces and what is heard, joined to one cause, and the repair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.finding import Json, Severity, Skip
from auscult.report.sections import find_section
from auscult.report.sections.compare import CompareSection
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.report.sections.settle import SettleSection
from auscult.rules.sound.subject import SoundFacts
from auscult.rules.suspects import EvidenceKind
from auscult.runtime.device import DeviceName, require_device
from auscult.sound.mel_definition import MelDefinition
from auscult.verbs.diagnose.chain import CausalChain, build_causal_chain
from auscult.verbs.diagnose.conclusion import decide_verdict, put_cause_first, suggest_next
from auscult.verbs.diagnose.evidence import DiagnosisCase
from auscult.verbs.diagnose.family_build import FamilyBuild, ModelInputs, build_family
from auscult.verbs.diagnose.given import (
    GivenEvidence,
    GivenSound,
    GivenTraces,
    GivenWeights,
    SoundSource,
)
from auscult.verbs.diagnose.next_run import (
    GivenOptions,
    list_missing_options,
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
from auscult.verbs.diagnose.weights_evidence import look_at_weights, open_weights
from auscult.verbs.sides import CheckpointLike
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

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
    device: DeviceName | None = None,
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
        config: A config (JSON or YAML) of the model: sample rate, hop, strides, chunk. What it leaves out
            comes from the checkpoint.
        facts: What is known of the model. It comes before `config`, and `config` before the
            checkpoint.
        reports: JSON reports that were saved, such as that of `preflight` on the training.
        settle: Whether to try the variants of the model: the settings that no tensor shows. It needs
            `reference_audio`, PyTorch, and a family that auscult can run.
        inputs: Further inputs of the model by name, such as `speaker`.
        mel: The mel definition of the training. Default: that of the checkpoint's config.
        device: Where models run; None is where their code puts them, and the processor.
        output_dir: Where the recordings and the picture go; nothing is written without it.

    Raises:
        CheckpointError, AudioError, TargetError, TraceError: If something given cannot be read.
        UsageError: If there is nothing to compare.
    """
    given = GivenEvidence(
        GivenWeights(checkpoint, model, reference_checkpoint, container, kwargs),
        GivenTraces(traces, trace_inputs, trace_inputs_candidate, device),
        GivenSound(audio, reference_audio, config, facts),
        tuple(reports),
    )
    given_options = given.list_options()
    case = DiagnosisCase()
    weights = _look_at_files(case, given, progress)
    recordings = collect_recordings(audio, reference_audio)
    family_build = _build_runnable_family(case, given, weights, mel, inputs, settle=settle)
    sound_facts = add_family_facts(given.complete_sound_facts(weights), family_build)
    _listen_to_recordings(case, recordings, sound_facts)
    causal_chain = build_causal_chain(case.findings, frozenset(case.kinds), given_options)
    _settle_readings(case, family_build, recordings, sound_facts, progress)
    return _build_report(
        case, causal_chain, given_options, recordings, family_build=family_build, folder=output_dir
    )


def _look_at_files(
    case: DiagnosisCase, given: GivenEvidence, progress: Progress | None
) -> Checkpoint | None:
    """Weights, saved reports and traces, as far as they are given; the checkpoint is handed on."""
    weights = open_weights(case, given.weights)
    look_at_weights(case, weights, given.weights, progress)
    for file in given.reports:
        case.add_saved_report(file)
    if given.traces.sides is not None:
        _compare_traces(case, given.traces, progress)
    return weights


def _compare_traces(case: DiagnosisCase, given: GivenTraces, progress: Progress | None) -> None:
    from auscult.verbs.compare.compare import compare

    if given.sides is None:
        return
    report = compare(
        *given.sides,
        inputs=given.inputs,
        inputs_cand=given.inputs_candidate,
        floor=case.rounding(),
        device=given.device,
        progress=progress,
    )
    case.add("layers", report, _TRACES)
    case.comparison = find_section(report, CompareSection)
    if case.comparison is not None:
        case.lines[-1]["first_divergence"] = case.comparison.first_divergence


def _build_report(
    case: DiagnosisCase,
    causal_chain: CausalChain,
    given_options: GivenOptions,
    recordings: dict[str, DiagnosedRecording],
    *,
    family_build: FamilyBuild | None,
    folder: Path | None,
) -> Report:
    """The report; recordings and pictures are written to the folder, if there is one."""
    verdict = decide_verdict(case, causal_chain)
    if causal_chain.next is None and verdict is not Verdict.DIVERGENT:
        causal_chain = replace(causal_chain, next=suggest_next(case, verdict, given_options))
    missing_options = () if verdict is Verdict.DIVERGENT else list_missing_options(given_options)
    if folder is not None:
        recordings = write_recordings(recordings, folder)
    diagnosis = causal_chain.to_json()
    diagnosis |= {"evidence": case.lines, "not_given": list(missing_options)}
    section = DiagnoseSection(
        diagnosis=diagnosis,
        given={option: list(words) for option, words in given_options.items()},
        recordings=[
            measure_recording(item, recordings.get("input"), family_build)
            for item in recordings.values()
        ],
        same_weights=case.same_weights,
        comparison=case.comparison,
        settled=case.settled,
        pictures=draw_mel_picture(recordings, family_build, folder, case.skips) or None,
    )
    return Report(
        "diagnose",
        _list_subjects(case, recordings, given_options),
        verdict,
        case.coverage,
        put_cause_first(case.findings, causal_chain),
        tuple(case.skips),
        case.mapping,
        section,
    )


def _list_subjects(
    case: DiagnosisCase, recordings: dict[str, DiagnosedRecording], given_options: GivenOptions
) -> tuple[str, ...]:
    """What was looked at and listened to; without these, what was given."""
    heard_names = [item.recording.name for item in recordings.values() if item.role == "heard"]
    subjects = tuple(dict.fromkeys((*case.subjects, *heard_names)))
    return subjects or tuple(word for words in given_options.values() for word in words)


_TRACES: tuple[EvidenceKind, ...] = ("traces",)


def _build_runnable_family(
    case: DiagnosisCase,
    given: GivenEvidence,
    weights: Checkpoint | None,
    mel: MelDefinition | None,
    inputs: ModelInputs | None,
    *,
    settle: bool,
) -> FamilyBuild | None:
    """The family ready to run; the reason why not becomes a skip."""
    if weights is None:
        return None
    if not settle or given.sound.reference_audio is None:
        case.skips.append(
            Skip("settling", "not asked for, or no reference recording to run the variants on")
        )
        return None
    try:
        import torch  # noqa: F401

        family_build = build_family(weights, mel, inputs)
    except (UsageError, ImportError) as error:
        case.skips.append(Skip("settling", f"the family cannot be run: {error}"))
        return None
    require_device(given.traces.device)
    return replace(family_build, device=given.traces.device or "cpu")


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
    causes = dict.fromkeys(
        item.cause for item in listened.findings if item.severity is not Severity.INFO
    )
    problems = list(causes)
    if listened.unlike:
        problems.append("not what the reference says")
    sentence = ", ".join(problems) or "nothing wrong by itself"
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
    family_build: FamilyBuild | None,
    recordings: dict[str, DiagnosedRecording],
    facts: SoundFacts,
    progress: Progress | None,
) -> None:
    """Run the readings of the family that load the same tensors, and let the best one speak; nothing
    where the family cannot be run.
    """
    if family_build is None:
        return
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
