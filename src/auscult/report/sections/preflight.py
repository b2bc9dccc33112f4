"""What `preflight` adds: what the instrumented steps of a training measured."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class PreflightSection(VerbSection):
    """What the instrumented steps of a training measured.

    Attributes:
        preflight: Losses, gradients, codebooks, loss terms, levels, and the bound.
    """

    preflight: Facts


SECTIONS = (PreflightSection,)
