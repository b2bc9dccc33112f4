"""`train vocoder`: a vocoder for mel spectrograms of any definition, from a folder of recordings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult.facts.progress import Progress
from auscult.rules.training.subject import TrainedSubject
from auscult.verbs.recordings import FlawedChoice
from auscult.verbs.run.vocoder.definition import read_definition
from auscult.verbs.train.judge import (
    check_data,
    describe_data,
    describe_files,
    judge_training,
    report_stop,
    require_packages,
)
from auscult.verdict import Report

if TYPE_CHECKING:
    from auscult.training.recordings import Speech
    from auscult.training.vocoder.config import VocoderTrainConfig


def train_vocoder_model(
    *,
    settings: Mapping[str, Any] | None = None,
    flawed: FlawedChoice = "stop",
    progress: Progress | None = None,
) -> Report:
    """Train a vocoder, or go on with the training that is in its folder.

    Args:
        settings: Fields of `auscult.training.vocoder.config.VocoderTrainConfig`; `mel` is a definition's name, a JSON
            file of its settings, or these; `model` holds fields of the family's config.
        flawed: As in `auscult.verbs.train.train.train_model`.

    Returns:
        DIVERGENT if what the training reached is no working model, or if it was stopped because it cannot succeed, else
        PASS; `training` has the figures on held-out recordings beside Griffin-Lim's on the same mel, the learning curve,
        and the files.

    Raises:
        UsageError: If there is no such setting or mel, too little or nothing but silence to train on, or if recordings
            are flawed and `flawed` is `stop`; or a package or the device is missing.
        TrainingError: If checkpoints cannot be saved, or the folder holds a run of another network or mel.
    """
    require_packages(settings or {})
    from auscult.training.loop import TrainingStoppedError
    from auscult.training.trainer import RESUME
    from auscult.training.vocoder.loop import train_vocoder
    from auscult.training.vocoder.trainer import RELEASE

    config = read_settings(settings or {})
    data_check = check_data(config.data, Path(config.out) / RESUME, flawed, progress)
    left_out = data_check.list_unwanted() if data_check and flawed == "skip" else frozenset()
    speech = _read_speech(config, left_out)
    try:
        figures = train_vocoder(config, speech, progress=progress)
    except TrainingStoppedError as stop:
        files = describe_files(Path(config.out), RELEASE)
        return report_stop(config.data, config.steps, stop, files)
    facts = {
        "model": "vocoder",
        "family": config.family,
        "mel": config.mel.to_config(),
        "steps": config.steps,
        "seconds_of_speech": speech.seconds,
        "held_out": {},
        **figures,
        **describe_files(Path(config.out), RELEASE),
        **describe_data(data_check),
    }
    subject = TrainedSubject(
        facts["held_out"], facts["curve"], config.steps, is_waveform_trained=False
    )
    return judge_training(config.data, subject, facts)


def _read_speech(config: VocoderTrainConfig, left_out: frozenset[str]) -> Speech:
    """The recordings at the mel's rate, of which some have a sound."""
    from auscult.training.recordings import require_sound
    from auscult.training.vocoder.speech import read_vocoder_speech

    speech = read_vocoder_speech(
        config.data,
        config.mel.sample_rate,
        minutes=config.minutes,
        seed=config.seed,
        left_out=left_out,
    )
    require_sound(speech, config.data)
    return speech


def read_settings(settings: Mapping[str, Any]) -> VocoderTrainConfig:
    """The config, with a mel definition that is named or lies in a file.

    Raises:
        UsageError: If there is no such setting or definition.
    """
    from auscult.training.vocoder.config import VocoderTrainConfig

    mel = settings.get("mel")
    if isinstance(mel, str):
        settings = {**settings, "mel": read_definition(mel).definition.to_config()}
    return VocoderTrainConfig.from_dict(settings)
