"""What `diff` says besides its findings: the repaired file, and whether two forms hold the same weights."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.report._parts import VerbPart
from auscult.report._parts._loading import iter_table_lines
from auscult.report._style import Style
from auscult.report._where import quote_word
from auscult.report.sections import find_section
from auscult.report.sections.diff import DiffSection
from auscult.verdict import Report


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What was repaired, what was loaded, and how the weights of two forms of a model stand to each other."""
    section = find_section(report, DiffSection)
    if section is None:
        return
    fixed = section.fixed
    if fixed is not None and fixed["written"]:
        yield (
            f"wrote {fixed['path']} and compared it again; before, the verdict was {fixed['was']}"
        )
    for facts in (section.same_weights, section.other_weights):
        if facts is not None:
            yield style(facts["says"], "bold")
    if section.compared == "shapes":
        yield style("these are names and shapes: no value was compared", "dim")
    if section.loading is not None:
        yield style(section.loading["says"], "bold")
        yield from iter_table_lines(section.loading["rows"], whole=verbose > 0)


def suggest_repair(report: Report) -> str | None:
    """The command that repairs the first finding, where that can be done and was not."""
    section = find_section(report, DiffSection)
    is_repaired = section is not None and section.fixed is not None
    if is_repaired or not report.findings:
        return None
    first_fix = report.findings[0].fix
    if first_fix is None or not first_fix.recipe:
        return None
    return f"auscult diff {' '.join(map(quote_word, report.subjects))} --fix OUT"


PART = VerbPart(before=show_before, joint=" against ", next_command=suggest_repair)
