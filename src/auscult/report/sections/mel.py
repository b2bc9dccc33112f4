"""What `mel` adds: the definition that made a mel spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class MelSection(VerbSection):
    """The definition that made a mel spectrogram.

    Attributes:
        mel: The definition, how exactly it fits, what stays open, and code for it.
    """

    mel: Facts


SECTIONS = (MelSection,)
