"""A vocoder checkpoint, opened: its family, what is stated of its settings, and its mel definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from auscult.errors import UsageError
from auscult.families.vocoders import import_vocoder
from auscult.sound.mel_definition import Frames, MelDefinition
from auscult.verbs.diagnose.family_build import FamilyBuild, read_stored_mel
from auscult.verbs.run.vocoder.definition import (
    ChosenMel,
    choose_mel,
    list_mel_names,
    read_definition,
    set_hop,
)
from auscult.verbs.run.vocoder.stated_config import (
    StatedConfig,
    find_config_file,
    read_metadata_fields,
    read_stated_config,
)
from auscult.weights import Checkpoint


def read_config(
    weights: Checkpoint,
    checkpoint: str | Path,
    config: str | Path | None,
    family_build: FamilyBuild,
) -> StatedConfig:
    """What the config file states, else the file's own metadata."""
    path = Path(config) if config is not None else find_config_file(checkpoint)
    detection = family_build.detection
    if path is not None:
        stated = read_stated_config(
            path,
            import_vocoder(detection.family),
            detection.config,
            list_mel_names(family_build),
        )
        if config is not None or stated.fields:
            return stated
    return StatedConfig(fields=read_metadata_fields(weights.metadata, detection.config))


def apply_fields(family_build: FamilyBuild, stated: StatedConfig) -> FamilyBuild:
    """The build with the fields that are stated."""
    detection = family_build.detection
    return replace(
        family_build,
        detection=replace(detection, config=replace(detection.config, **stated.fields)),
    )


def choose_definition(
    definition: str | None,
    stated: StatedConfig,
    weights: Checkpoint,
    family_build: FamilyBuild,
    compute_frames: Callable[[MelDefinition], Frames],
) -> ChosenMel:
    """The mel definition: named, stated in the config or the file, else the family's."""
    if definition is not None:
        return read_definition(definition)
    if stated.mel is not None:
        return ChosenMel(stated.mel, str(stated.path), "stated")
    stored = read_stored_mel(weights)
    if stored is not None:
        return ChosenMel(stored, "the file's own", "stated")
    return choose_mel(family_build, family_build.detection.config, compute_frames)


def fit_hop(family_build: FamilyBuild, stated: StatedConfig) -> FamilyBuild:
    """The build with strides of the mel's hop.

    Raises:
        UsageError: If the mel has other bands, or the model cannot have its hop.
    """
    detection, mel = family_build.detection, family_build.mel
    if mel.n_mels != detection.config.mel_bins:
        raise UsageError(
            "the mel definition does not fit the model",
            where=detection.family,
            expected=f"{detection.config.mel_bins} bands",
            found=mel.n_mels,
            hint="give another with --definition",
        )
    config = set_hop(family_build, detection.config, mel.hop)
    if config is None or (config != detection.config and "upsample_rates" in stated.fields):
        raise UsageError(
            "the mel definition does not fit the model",
            where=detection.family,
            expected=f"a hop of {detection.config.hop} samples",
            found=mel.hop,
            hint="give another with --definition",
        )
    return replace(family_build, detection=replace(detection, config=config))
