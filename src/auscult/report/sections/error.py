"""What a verb adds that could not do its work: the error."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class ErrorSection(VerbSection):
    """The error that stopped a verb.

    Attributes:
        error: What is wrong, where, what was expected and found, and what to do.
    """

    error: Facts


SECTIONS = (ErrorSection,)
