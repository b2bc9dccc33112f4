"""What `compare` adds: every aligned layer, and where the two first part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class CompareSection(VerbSection):
    """What two runs computed, layer by layer.

    Attributes:
        layers: One row per aligned pair, in the reference's order of execution.
        first_divergence: The first place at which an error is born; where that is not known, the
            first tensor that differs. None where every layer agrees.
        floor: What rounding alone does to the reference, and how that was measured.
        alignment: How the layers were aligned, and which have no partner.
        stages: What each of the modules that were judged first does by itself.
        steps: What modules that are called again and again do from call to call.
    """

    layers: Sequence[Facts]
    first_divergence: Facts | None
    floor: Facts
    alignment: Facts
    stages: Sequence[Facts] | None = None
    steps: Sequence[Facts] | None = None


SECTIONS = (CompareSection,)
