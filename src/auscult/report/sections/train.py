"""What `train` adds: what a training reached, or the table of a study."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class TrainSection(VerbSection):
    """What a training reached.

    Attributes:
        training: Figures on held-out recordings, the bound at this bit rate, and the files.
    """

    training: Facts


@dataclass(frozen=True)
class StudySection(VerbSection):
    """The table of a study.

    Attributes:
        study: Name, file, and the figures of each design.
    """

    study: Facts


SECTIONS = (TrainSection, StudySection)
