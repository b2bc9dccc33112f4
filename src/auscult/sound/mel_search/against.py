"""What to change so that a mel becomes the one that a vocoder was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.sound.mel import MelDefinition, mel_filterbank, per_decibel

WORDS = {
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
}
"""Every setting in words."""

CONVERTIBLE = frozenset(("norm", "log", "clip", "floor", "range_db", "multiply", "add"))
"""Settings that can be changed on the mel itself; all others need the sound again."""
NEGLIGIBLE = frozenset(("inside_root",))
"""Settings whose difference is below the floor of any usual vocoder."""


@dataclass(frozen=True)
class Change:
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
        return f"{WORDS[self.setting]} {_shown(self.found)} -> {_shown(self.wanted)}"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def changes(
    found: MelDefinition, wanted: MelDefinition, still_open: Mapping[str, Sequence[Any]]
) -> tuple[Change, ...]:
    """Every setting that differs, in the definition's order."""
    result = []
    for name in MelDefinition.__dataclass_fields__:
        mine, theirs = getattr(found, name), getattr(wanted, name)
        if mine != theirs and not _is_idle(name, found, wanted):
            result.append(
                Change(name, mine, theirs, name in NEGLIGIBLE or theirs in still_open.get(name, ()))
            )
    return tuple(result)


def _is_idle(name: str, found: MelDefinition, wanted: MelDefinition) -> bool:
    """Whether a setting does nothing in either definition."""
    if name in ("clip", "floor"):
        return found.log == "none" and wanted.log == "none"
    if name == "filter_rate":
        return (found.filter_rate or found.sample_rate) == (
            wanted.filter_rate or wanted.sample_rate
        )
    return False


def conversion_code(
    found: MelDefinition, wanted: MelDefinition, needed: Sequence[Change]
) -> str | None:
    """Lines of Python that turn the mel into the wanted one without the sound, or None where that takes the sound."""
    if any(change.setting not in CONVERTIBLE for change in needed if not change.is_open):
        return None
    if (
        found.log == "none"
        or wanted.log == "none"
        or found.reference == "max"
        or wanted.reference == "max"
    ):
        return None
    lines = ["import numpy as np", ""]
    if (found.multiply, found.add) != (1.0, 0.0):
        lines.append(f"mel = (mel - {found.add!r}) / {found.multiply!r}")
    factor = per_decibel(wanted) / per_decibel(found)
    if factor != 1.0:
        lines.append(f"mel = mel * {factor!r}  # {found.log} -> {wanted.log}")
    if found.norm != wanted.norm:
        lines += _norm_code(found, wanted)
    if wanted.floor == "clip":
        logarithm = {"ln": "np.log", "log10": "np.log10", "db": f"{20 // wanted.power} * np.log10"}[
            wanted.log
        ]
        lines.append(f"mel = np.maximum(mel, {logarithm}({wanted.clip!r}))")
    if wanted.range_db:
        lines.append(
            f"mel = np.maximum(mel, mel.max() - {round(wanted.range_db * per_decibel(wanted), 9)!r})"
        )
    if (wanted.multiply, wanted.add) != (1.0, 0.0):
        lines.append(f"mel = mel * {wanted.multiply!r} + {wanted.add!r}")
    return "\n".join(lines)


def _norm_code(found: MelDefinition, wanted: MelDefinition) -> list[str]:
    """The area norm is a constant per band, known from the edges alone."""
    filters = mel_filterbank(found)
    other = mel_filterbank(wanted)
    peak = np.maximum(filters.max(axis=1), 1e-30)
    steps = (
        20.0
        / wanted.power
        * np.log10(np.maximum(other.max(axis=1), 1e-30) / peak)
        * per_decibel(wanted)
    )
    rounded = ", ".join(f"{step:.6g}" for step in steps)
    return [
        f"mel = mel + np.array([{rounded}])[:, None]  # filter norm {found.norm} -> {wanted.norm}"
    ]
