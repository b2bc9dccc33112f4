"""What settling adds: which readings of the weights were run, and how they ranked."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class SettleSection(VerbSection):
    """Which choices were settled by running the model.

    Attributes:
        settlement: Family, choices with their margins, and the ranking of the readings.
    """

    settlement: Facts

    @property
    def works(self) -> bool:
        """Whether some reading gives the mel of the input back."""
        return bool(self.settlement["works"])


SECTIONS = (SettleSection,)
