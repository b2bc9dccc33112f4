"""What `rules` adds: the pages of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class RulesSection(VerbSection):
    """The pages of the rules.

    Attributes:
        rules: Code, cause, summary and page of each rule.
    """

    rules: Sequence[Facts]


SECTIONS = (RulesSection,)
