"""What the terminal shows of one verb: a file per verb, named after it, imported for its reports alone.

Each has a `PART`; a verb without a file is shown in the common form.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from auscult import plugins
from auscult.report._style import Style
from auscult.verdict import Report

Lines = Callable[[Report, Style, int], Iterator[str]]
"""Lines of a report in a style, at a verbosity."""


def show_nothing(_report: Report, _style: Style, _verbose: int) -> Iterator[str]:
    """No lines."""
    yield from ()


class VerbPart(NamedTuple):
    """How the report of one verb is shown, where that differs from the common form.

    Attributes:
        before: What stands between the verdict and the findings.
        after: What stands behind the findings.
        whole: Everything, instead of the common form.
        findings: The findings, instead of one by one with their remedies.
        skips: What was not looked at, instead of one line per reason.
        summary: The last line, from the counts of findings and skips; instead of them. A part that
            has it says itself what to run next.
        next_command: What to type next, under the verdict; None for the page of the first rule.
        joint: What stands between the subjects; None lists the first few.
        nothing_found: What is said where nothing was found.
        counts_shown: Whether the coverage is shown under the verdict.
        next_shown: Whether `before` or `after` say already what to run next.
        examined: Which of the subjects the findings speak of.
    """

    before: Lines = show_nothing
    after: Lines = show_nothing
    whole: Lines | None = None
    findings: Lines | None = None
    skips: Lines | None = None
    summary: Callable[[Report, str], str] | None = None
    next_command: Callable[[Report], str | None] | None = None
    joint: str | None = None
    nothing_found: str = "nothing found"
    counts_shown: bool = True
    next_shown: bool = False
    examined: int = 0


COMMON_FORM = VerbPart()


def find_verb_part(report: Report) -> VerbPart:
    """How the reports of that verb are shown."""
    verb = report.command.partition(" ")[0]
    if verb not in plugins.list_module_names(__name__):
        return COMMON_FORM
    part: VerbPart = importlib.import_module(f"{__name__}.{verb}").PART
    return part
