"""The mel definition of a vocoder: named, stated, or the one of its family under which the mel comes back best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult import families
from auscult.errors import UsageError
from auscult.families.vocoders import import_vocoder
from auscult.sound.mel_definition import Frames, MelDefinition
from auscult.sound.mel_search.configs import read_mel_config
from auscult.sound.mel_search.families import FAMILIES, find_family
from auscult.sound.settle import stationary_distance
from auscult.verbs.diagnose.family_build import FamilyBuild
from auscult.verbs.diagnose.mel_return import MelReturn


@dataclass(frozen=True)
class ChosenMel:
    """A mel definition and why it was chosen.

    Attributes:
        name: Of the definition, or of the file that states it.
        reason: `named`, `stated`, `the only one`, or how it was found.
    """

    definition: MelDefinition
    name: str
    reason: str


def read_definition(text: str) -> ChosenMel:
    """A definition by its name (as `auscult mel --against` has them), or from a config file or a JSON file of its settings.

    Raises:
        UsageError: If there is neither.
    """
    if Path(text).is_file():
        return ChosenMel(read_mel_config(text), Path(text).name, "named")
    return ChosenMel(find_family(text).definition, text, "named")


def list_mel_names(family_build: FamilyBuild) -> tuple[str, ...]:
    """Definitions that models of this family and fork were trained on, the likeliest first."""
    own = import_vocoder(family_build.detection.family).MELS
    if family_build.fork is None:
        return own
    return tuple(dict.fromkeys((*family_build.fork.mels, *own)))


def list_fitting_mels(family_build: FamilyBuild, config: Any) -> dict[str, MelDefinition]:
    """The definitions of the family that have the model's bands, and a hop that its kernels can have."""
    fitting = {}
    for name in list_mel_names(family_build):
        definition = FAMILIES[name].definition
        if definition.n_mels == config.mel_bins and set_hop(family_build, config, definition.hop):
            fitting[name] = definition
    return fitting


def set_hop(family_build: FamilyBuild, config: Any, hop: int) -> Any:
    """The config with the likeliest strides of that hop; None where its kernels cannot have it."""
    if config.hop == hop:
        return config
    signature: Any = families.signature(family_build.detection.family)
    for choice in signature.choices(config, hop):
        for value in choice.values:
            changed = replace(config, **{choice.field: value})
            if changed.hop == hop:
                return changed
    return None


def choose_mel(
    family_build: FamilyBuild, config: Any, compute_frames: Callable[[MelDefinition], Frames]
) -> ChosenMel:
    """The definition of the family under which the usual reading gives the mel best back.

    Args:
        compute_frames: The mel [bands, frames] that goes in, for a definition.

    Raises:
        UsageError: If the family has none of as many bands.
    """
    fitting = list_fitting_mels(family_build, config)
    if not fitting:
        raise UsageError(
            f"no known mel definition of {family_build.detection.family} has"
            f" {config.mel_bins} bands and a hop that these kernels can have",
            where=family_build.detection.family,
            hint="give the model's config with --config, or the definition with --definition",
        )
    if len(fitting) == 1:
        name, definition = next(iter(fitting.items()))
        return ChosenMel(definition, name, "the only one of the family that fits")
    shares = {
        name: _measure_share(
            replace(family_build, mel=definition),
            set_hop(family_build, config, definition.hop),
            compute_frames(definition),
        )
        for name, definition in fitting.items()
    }
    best = min(shares, key=lambda name: shares[name])
    return ChosenMel(fitting[best], best, f"the nearest of {len(fitting)} that fit")


def _measure_share(family_build: FamilyBuild, config: Any, frames: Frames) -> float:
    """How far the mel that comes back is, as a share of the distance of a stationary sound."""
    measure = MelReturn(family_build, frames)
    distance = float(measure.compute_distances(config).mean())
    return distance / max(stationary_distance(measure.target), float(np.finfo(np.float32).tiny))
