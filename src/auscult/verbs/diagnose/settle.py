"""Settle what a checkpoint's weights cannot show, by running the readings of its family on a short
recording.

A vocoder carries its own test: the mel of its output must be the mel that went in. Every reading of
the family loads the same tensors without a complaint; only the right one passes that test. Needs
PyTorch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult import families
from auscult.checkpoint import open_checkpoint
from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.finding import Finding, Fix, Json, Severity, Skip
from auscult.report._parts.settle import format_value
from auscult.report.sections.settle import SettleSection
from auscult.rules.diff.architecture.arc006_undetermined_by_weights import CODE
from auscult.rules.diff.architecture.arc006_undetermined_by_weights import NAME as CAUSE
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import Frames, MelDefinition
from auscult.sound.recording import Recording, read_recording
from auscult.sound.settle import (
    BLOCK_SECONDS,
    MAX_SHARE_OF_STATIONARY,
    Settlement,
    Trial,
    sigmas_between,
)
from auscult.sound.settle import settle_choices as search
from auscult.verbs.diagnose.family_build import FamilyBuild, ModelInputs, build_family
from auscult.verbs.diagnose.mel_return import MelReturn
from auscult.verdict import Coverage, Report, Verdict
from auscult.weights import Checkpoint

MAX_SECONDS = 1.5
"""Of the recording that every reading is run on: enough for several words, short enough for a
hundred runs.
"""
TRIALS_SHOWN = 12


def rank_readings(
    family_build: FamilyBuild, recording: Recording, *, progress: Progress | None = None
) -> Settlement:
    """Rank the readings of a model by how well its output's mel gives the recording's mel back.

    Raises:
        UsageError: If the family declares no choices, or PyTorch is not there.
    """
    sound = recording.resample(family_build.mel.sample_rate).cut(MAX_SECONDS)
    frames = mel_spectrogram(sound.mono, family_build.mel)
    return rank_readings_of_mel(family_build, frames, progress=progress)


def rank_readings_of_mel(
    family_build: FamilyBuild,
    frames: Frames,
    *,
    hop: int | None = None,
    certain: Collection[str] = (),
    progress: Progress | None = None,
) -> Settlement:
    """Rank the readings of a model by how well its output's mel gives a mel [bands, frames] back.

    Args:
        hop: Samples per frame where they are certain: only strides of this product are tried.
        certain: Choices that are not open, since something states them: they stay as in the config.

    Raises:
        UsageError: If the family declares no choices.
    """
    config = family_build.detection.config
    signature: Any = families.signature(family_build.detection.family)
    if hasattr(signature, "choices"):
        choices = {
            choice.field: choice.values
            for choice in signature.choices(config, hop)
            if choice.field not in certain
        }
    else:
        choices = {}
    if not choices:
        raise UsageError(
            "declares no choices that a run could settle", where=family_build.detection.family
        )
    measure = MelReturn(family_build, frames)
    starts = {
        variant.name: _read_fields(variant.config, choices)
        for variant in signature.variants(config)
    }
    if hop is not None or not starts:
        defaults = {name: values[0] for name, values in choices.items()}
        starts["defaults"] = {**_read_fields(config, choices), **defaults}
    block = max(1, round(BLOCK_SECONDS * family_build.mel.sample_rate / family_build.mel.hop))
    return search(
        choices,
        starts,
        lambda values: measure.compute_distances(replace(config, **values)),
        measure.target,
        block=block,
        progress=progress,
    )


def _read_fields(config: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(config, name) for name in names}


def settle_checkpoint(
    checkpoint: Checkpoint | str | Path,
    recording: Recording | str | Path,
    *,
    container: str | None = None,
    mel: MelDefinition | None = None,
    inputs: ModelInputs | None = None,
    progress: Progress | None = None,
) -> Report:
    """Which reading of the checkpoint's family gives the mel of a short recording back.

    Args:
        recording: Clean speech of the kind that the model was trained on; the first seconds of it
            are used.
        mel: What the model was fed in training; default: what its config says, else HiFi-GAN's
            definition.
        inputs: Further inputs of the model by name, such as a speaker vector; what is left out is
            zeros.

    Returns:
        PASS with the settled reading, or INCONCLUSIVE if no reading gives the input back.
        `section.settlement` has the ranking.

    Raises:
        CheckpointError, AudioError: If a file cannot be read.
        UsageError: If auscult has no code for the family.
    """
    if isinstance(checkpoint, Checkpoint):
        weights = checkpoint
    else:
        weights = open_checkpoint(checkpoint, container)
    sound = recording if isinstance(recording, Recording) else read_recording(recording)
    family_build = build_family(weights, mel, inputs)
    settlement = rank_readings(family_build, sound, progress=progress)
    return Report(
        "settle",
        (weights.path, sound.name),
        Verdict.PASS if settlement.works else Verdict.INCONCLUSIVE,
        build_coverage(settlement),
        (build_finding(family_build, settlement),),
        list_open_choices(settlement),
        section=SettleSection(describe_settlement(family_build, settlement)),
    )


def build_coverage(settlement: Settlement) -> Coverage:
    """Choices that are settled, and those that are not."""
    settled_count = sum(choice.settled for choice in settlement.choices)
    return Coverage(
        "choices", {"settled": settled_count, "unsettled": len(settlement.choices) - settled_count}
    )


def build_finding(family_build: FamilyBuild, settlement: Settlement) -> Finding:
    """What the weights leave open, and what the runs made of it."""
    fields = tuple(choice.field for choice in settlement.choices)
    best, stationary = settlement.best, settlement.stationary
    evidence = {
        "distance": round(best.distance, 4),
        "stationary_distance": round(stationary, 4),
        "runs": len(settlement.trials),
        "margins": {choice.field: round(choice.margin, 4) for choice in settlement.choices},
        "sigmas": {choice.field: round(choice.sigmas, 1) for choice in settlement.choices},
    }
    if not settlement.works:
        message = (
            f"every tensor loads, but no reading of {family_build.detection.family} gives the mel"
            f" back: the best is {best.distance:.2f} away, a stationary sound of the right colour"
            f" {stationary:.2f}; untrained weights, another mel, or a reading that is not declared"
        )
        finding = Finding(CODE, CAUSE, Severity.WARNING, fields, message, 0.9, evidence=evidence)
        return replace(finding, settled_by="a recording and mel from its training")
    values = list_settled_values(settlement)
    message = (
        f"every tensor loads under each of {len(settlement.trials)} readings; the mel that goes in"
        f" comes back only under {describe_values(values)} ({best.distance:.2f} away, a stationary"
        f" sound {stationary:.2f})"
    )
    finding = Finding(
        CODE, CAUSE, Severity.INFO, fields, message, settlement.confidence, evidence=evidence
    )
    fix = Fix("guess", "build the model with these settings", code=write_arguments(values))
    return replace(finding, fix=fix)


def list_settled_values(settlement: Settlement) -> dict[str, Any]:
    """The best value of each choice that is settled."""
    return {choice.field: choice.value for choice in settlement.choices if choice.settled}


def describe_values(values: Mapping[str, Any]) -> str:
    """`norm=instance, dilations=1/2/4`."""
    return ", ".join(f"{name}={format_value(value)}" for name, value in values.items())


def write_arguments(values: Mapping[str, Any]) -> str:
    """Python of the settings as keyword arguments: `dict(norm='instance', dilations=(1, 2, 4))`."""
    return f"dict({', '.join(f'{name}={value!r}' for name, value in values.items())})"


def list_open_choices(settlement: Settlement) -> tuple[Skip, ...]:
    """The choices that stay open, and why."""
    if not settlement.works:
        return tuple(
            Skip(choice.field, "not settled: no reading gives the input back")
            for choice in settlement.choices
        )
    return tuple(
        Skip(
            choice.field,
            f"not settled: {format_value(choice.value)} and {format_value(choice.runner_up)} are"
            f" {choice.margin:.4f} apart ({choice.sigmas:.1f} standard errors)",
        )
        for choice in settlement.choices
        if not choice.settled
    )


def describe_settlement(family_build: FamilyBuild, settlement: Settlement) -> Json:
    """The ranking and what became of each choice, for the report."""
    return {
        "family": family_build.detection.family,
        "works": settlement.works,
        "confidence": round(settlement.confidence, 4),
        "stationary_distance": round(settlement.stationary, 4),
        "max_share_of_stationary": MAX_SHARE_OF_STATIONARY,
        "choices": [
            {
                "field": choice.field,
                "value": choice.value,
                "runner_up": choice.runner_up,
                "margin": round(choice.margin, 4),
                "sigmas": round(choice.sigmas, 1),
                "settled": choice.settled,
            }
            for choice in settlement.choices
        ],
        "ranking": [
            _describe_trial(settlement, trial) for trial in _select_shown_trials(settlement)
        ],
        "runs": len(settlement.trials),
    }


def _select_shown_trials(settlement: Settlement) -> list[Trial]:
    """The first few, and every reading that has a name."""
    return [
        trial
        for index, trial in enumerate(settlement.trials)
        if index < TRIALS_SHOWN or trial.label
    ]


def _describe_trial(settlement: Settlement, trial: Trial) -> Json:
    differs = {
        name: value for name, value in trial.values.items() if value != settlement.best.values[name]
    }
    distance = round(trial.distance, 4) if np.isfinite(trial.distance) else None
    return {
        "rank": settlement.trials.index(trial) + 1,
        "name": trial.label,
        "distance": distance,
        "sigmas": (
            round(sigmas_between(settlement.best, trial), 1)
            if trial is not settlement.best
            else 0.0
        ),
        "differs": differs,
    }
