"""What `run` adds: the sound or the codes that a system made."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class RunSection(VerbSection):
    """What a system made.

    Attributes:
        run: Where the file is, how long and how loud the sound is, and the settings.
    """

    run: Facts


SECTIONS = (RunSection,)
