"""What `listen` adds: the recordings with their measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class ListenSection(VerbSection):
    """The recordings that were listened to.

    Attributes:
        recordings: One row per file: format, measures, outline of the spectrum, causes.
        recording: The same without the causes, where there is one file.
        evidence: How many causes need which evidence, and what was given.
        reference: The recording that the others were held against.
    """

    recordings: Sequence[Facts]
    recording: Facts | None = None
    evidence: Facts | None = None
    reference: Facts | None = None


SECTIONS = (ListenSection,)
