"""What a config beside a vocoder's weights states: fields of the family's config, and the mel definition.

Public configs keep the same numbers under other names and in other nestings; the names are looked for at every depth, and
the outermost counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from auscult.errors import AudioError, UsageError
from auscult.facts.config_file import iter_leaves, load_config_file
from auscult.families.vocoders import Vocoder
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.configs import find_mel_definition
from auscult.sound.mel_search.families import FAMILIES

BESIDE = ("config.json", "config.yaml", "config.yml", "hyperparams.yaml")
"""Names under which a model's config lies beside its weights."""
MEL_NAMES = {
    "sample_rate": ("sample_rate", "sampling_rate", "sr"),
    "n_fft": ("n_fft", "fft_size", "filter_length"),
    "hop": ("hop_size", "hop_length", "hop"),
    "win": ("win_size", "win_length", "win"),
    "n_mels": ("n_mels", "num_mels", "mel_channels", "n_mel_channels"),
    "fmin": ("fmin", "mel_fmin", "f_min"),
    "fmax": ("fmax", "mel_fmax", "f_max"),
}
"""Names under which public configs keep the settings of a mel definition."""


@dataclass(frozen=True)
class StatedConfig:
    """What a config file states.

    Attributes:
        path: The file, or None where there is none.
        fields: Of the family's config.
        mel: The definition, where the file states its sample rate and hop.
        sample_rate: In Hz, where it is stated.
    """

    path: Path | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    mel: MelDefinition | None = None
    sample_rate: int | None = None


def find_config_file(checkpoint: str | Path) -> Path | None:
    """The config beside a checkpoint: of its own name, else of a usual one."""
    path = Path(checkpoint)
    if path.is_dir():
        folder, own = path, []
    else:
        folder = path.parent
        own = [path.with_suffix(suffix) for suffix in (".json", ".yaml", ".yml")]
    candidates = (*own, *(folder / name for name in BESIDE))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def read_stated_config(
    path: Path, vocoder: Vocoder, config: Any, mel_names: tuple[str, ...]
) -> StatedConfig:
    """The fields and the mel that a config file states.

    Args:
        config: The family's config as the weights show it.
        mel_names: Definitions of which one decides what the file does not state (logarithm, floor, padding): the one
            that agrees with most of what it does.

    Raises:
        UsageError: If the file cannot be read, or a value is none of its field's.
    """
    values = load_config_file(path)
    if isinstance(values.get("config"), Mapping) and "family" in values:
        return _read_saved_config(path, values, config)
    leaves: dict[str, Any] = {}
    for name, value in iter_leaves(values):
        leaves.setdefault(name, value)
    stated_fields = {
        name: _convert(leaf, getattr(config, name), f"{path} {stated_name}")
        for name, stated_names in vocoder.CONFIG_NAMES.items()
        for stated_name, leaf in [_find_leaf(leaves, stated_names)]
        if leaf is not None
    }
    settings = {
        name: leaf
        for name, stated_names in MEL_NAMES.items()
        for _, leaf in [_find_leaf(leaves, stated_names)]
        if isinstance(leaf, int | float) and not isinstance(leaf, bool)
    }
    rate = settings.get("sample_rate")
    mel = find_mel_definition(values, str(path)) if mel_names else None
    return StatedConfig(
        path,
        stated_fields,
        mel or _build_mel(settings, mel_names),
        int(rate) if rate else None,
    )


def read_metadata_fields(metadata: Mapping[str, str], config: Any) -> dict[str, Any]:
    """Fields of the family's config that the weights' own file states: `config.NAME`, and a tuple's items under
    `config.NAME.0` and so on. One that is not stated as a whole is left out.
    """
    stated = {}
    for entry in fields(config):
        current = getattr(config, entry.name)
        value = _read_metadata_value(metadata, f"config.{entry.name}", current)
        if value is not None:
            stated[entry.name] = value
    return stated


def _read_metadata_value(metadata: Mapping[str, str], name: str, current: Any) -> Any:
    """The value as the field keeps it, or None where it is not stated."""
    if isinstance(current, tuple):
        items = [
            _read_metadata_value(metadata, f"{name}.{number}", item)
            for number, item in enumerate(current)
        ]
        if not items or any(item is None for item in items):
            return None
        return tuple(items)
    if name not in metadata:
        return None
    text = metadata[name]
    if isinstance(current, bool):
        return {"True": True, "False": False}.get(text)
    return type(current)(text)


def write_config(path: Path, family: str, config: Any, mel: MelDefinition | None) -> None:
    """Save what a run settled, in the form that `read_stated_config` takes back."""
    values: dict[str, Any] = {
        "family": family,
        "config": {entry.name: getattr(config, entry.name) for entry in fields(config)},
    }
    if mel is not None:
        values["mel"] = mel.to_config()
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _read_saved_config(path: Path, values: Mapping[str, Any], config: Any) -> StatedConfig:
    stated_fields = {
        name: _convert(value, getattr(config, name), f"{path} {name}")
        for name, value in values["config"].items()
        if hasattr(config, name)
    }
    mel = None
    if isinstance(values.get("mel"), Mapping):
        try:
            mel = MelDefinition.from_text({key: str(text) for key, text in values["mel"].items()})
        except AudioError as error:
            raise UsageError(error.what, where=str(path), found=error.found) from error
    return StatedConfig(path, stated_fields, mel, mel.sample_rate if mel else None)


def _find_leaf(leaves: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    return next(
        ((name, leaves[name]) for name in names if leaves.get(name) is not None), ("", None)
    )


def _convert(value: Any, current: Any, where: str) -> Any:
    """A stated value as the field keeps it: lists as tuples, equal rows as one where the field has one row.

    Raises:
        UsageError: If it is no such value.
    """
    converted = _to_tuples(value)
    is_row = isinstance(current, tuple) and not any(isinstance(item, tuple) for item in current)
    has_rows = isinstance(converted, tuple) and any(isinstance(item, tuple) for item in converted)
    if is_row and has_rows and len(set(converted)) == 1:
        converted = converted[0]
    if isinstance(current, tuple) and (
        not isinstance(converted, tuple)
        or len(converted) != len(current)
        or (is_row and any(isinstance(item, tuple) for item in converted))
    ):
        raise UsageError("does not fit the weights", where=where, expected=current, found=value)
    if isinstance(current, bool | str) and not isinstance(converted, type(current)):
        raise UsageError("is of another type", where=where, expected=current, found=value)
    if isinstance(current, float) and isinstance(converted, int):
        return float(converted)
    return converted


def _to_tuples(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_to_tuples(item) for item in value)
    return value


def _build_mel(settings: Mapping[str, Any], names: tuple[str, ...]) -> MelDefinition | None:
    """The stated settings over the nearest of the named definitions; None without a sample rate and a hop."""
    if not {"sample_rate", "hop"} <= set(settings) or not names:
        return None

    def count_agreements(definition: MelDefinition) -> int:
        return sum(getattr(definition, name) == value for name, value in settings.items())

    base = max((FAMILIES[name].definition for name in names), key=count_agreements)
    defaults: dict[str, Any] = {}
    if "win" not in settings:
        defaults["win"] = int(settings.get("n_fft", base.n_fft))
    if "fmax" not in settings:  # librosa's and torchaudio's meaning of a null
        defaults["fmax"] = settings["sample_rate"] / 2
    kinds = {name: type(getattr(base, name)) for name in MEL_NAMES}
    stated = {name: kinds[name](value) for name, value in settings.items()}
    return replace(base, **{**defaults, **stated})
