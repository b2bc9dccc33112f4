"""What to change so that a mel becomes the one that a vocoder was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.sound.mel import log_units_per_decibel, mel_filterbank
from auscult.sound.mel_definition import MelDefinition

SETTING_WORDS = {
    "sample_rate": "sample rate",
    "n_fft": "transform length",
    "hop": "hop",
    "win": "window length",
    "n_mels": "bands",
    "fmin": "lowest frequency",
    "fmax": "highest frequency",
    "scale": "mel scale",
    "norm": "filter norm",
    "power": "magnitude or power",
    "log": "logarithm",
    "clip": "floor",
    "padding": "padding",
    "pad_mode": "padded with",
    "window": "window",
    "floor": "kind of floor",
    "inside_root": "added under the root",
    "reference": "reference level",
    "range_db": "range in dB",
    "multiply": "multiplied by",
    "add": "then added",
    "filter_rate": "sample rate of the filters",
    "pre_emphasis": "pre-emphasis",
    "framing": "frames cut as by",
    "triangles": "filters straight in",
    "band_norm": "each band normalised by",
}
"""Every setting in words."""

CONVERTIBLE_SETTINGS = frozenset(("norm", "log", "clip", "floor", "range_db", "multiply", "add"))
"""Settings that can be changed on the mel itself; all others need the sound again."""
NEGLIGIBLE_SETTINGS = frozenset(("inside_root",))
"""Settings whose difference is below the floor of any usual vocoder."""


@dataclass(frozen=True)
class SettingChange:
    """One setting that differs.

    Attributes:
        is_open: Whether the mel leaves the setting open, so that it may be right already.
    """

    setting: str
    found: Any
    wanted: Any
    is_open: bool = False

    @property
    def words(self) -> str:
        return (
            f"{SETTING_WORDS[self.setting]} {_format_value(self.found)} -> "
            f"{_format_value(self.wanted)}"
        )


def _format_value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def find_changes(
    current: MelDefinition, target: MelDefinition, still_open: Mapping[str, Sequence[Any]]
) -> tuple[SettingChange, ...]:
    """Every setting that differs, in the definition's order."""
    result = []
    for name in MelDefinition.__dataclass_fields__:
        current_value, target_value = getattr(current, name), getattr(target, name)
        if current_value != target_value and not _is_idle(name, current, target):
            result.append(
                SettingChange(
                    name,
                    current_value,
                    target_value,
                    name in NEGLIGIBLE_SETTINGS or target_value in still_open.get(name, ()),
                )
            )
    return tuple(result)


def _is_idle(name: str, current: MelDefinition, target: MelDefinition) -> bool:
    """Whether a setting does nothing in either definition."""
    if name == "filter_rate":
        return (current.filter_rate or current.sample_rate) == (
            target.filter_rate or target.sample_rate
        )
    if name in ("clip", "floor"):
        return current.log == "none" and target.log == "none"
    return False


def write_conversion_code(
    current: MelDefinition, target: MelDefinition, needed_changes: Sequence[SettingChange]
) -> str | None:
    """Lines of Python that turn the mel into the wanted one without the sound, or None where that
    takes the sound.
    """
    if any(
        change.setting not in CONVERTIBLE_SETTINGS
        for change in needed_changes
        if not change.is_open
    ):
        return None
    if (
        current.log == "none"
        or target.log == "none"
        or current.reference == "max"
        or target.reference == "max"
    ):
        return None
    lines = ["import numpy as np", ""]
    if (current.multiply, current.add) != (1.0, 0.0):
        lines.append(f"mel = (mel - {current.add!r}) / {current.multiply!r}")
    factor = log_units_per_decibel(target) / log_units_per_decibel(current)
    if factor != 1.0:
        lines.append(f"mel = mel * {factor!r}  # {current.log} -> {target.log}")
    if current.norm != target.norm:
        lines += _write_norm_code(current, target)
    if target.floor == "clip":
        logarithm = {"ln": "np.log", "log10": "np.log10", "db": f"{20 // target.power} * np.log10"}[
            target.log
        ]
        lines.append(f"mel = np.maximum(mel, {logarithm}({target.clip!r}))")
    if target.range_db:
        lines.append(
            "mel = np.maximum(mel, mel.max() - "
            f"{round(target.range_db * log_units_per_decibel(target), 9)!r})"
        )
    if (target.multiply, target.add) != (1.0, 0.0):
        lines.append(f"mel = mel * {target.multiply!r} + {target.add!r}")
    return "\n".join(lines)


def _write_norm_code(current: MelDefinition, target: MelDefinition) -> list[str]:
    """The area norm is a constant per band, known from the edges alone."""
    filters = mel_filterbank(current)
    target_filters = mel_filterbank(target)
    peak = np.maximum(filters.max(axis=1), 1e-30)
    steps = (
        20.0
        / target.power
        * np.log10(np.maximum(target_filters.max(axis=1), 1e-30) / peak)
        * log_units_per_decibel(target)
    )
    rounded = ", ".join(f"{step:.6g}" for step in steps)
    return [
        f"mel = mel + np.array([{rounded}])[:, None]  # filter norm {current.norm} -> {target.norm}"
    ]
