"""`auscult report`: a saved report in another form, or two of them side by side."""

from __future__ import annotations

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb

GROUP = "Reports"


@click.command()
@click.argument("a", metavar="A.json")
@click.argument("b", metavar="[B.json]", required=False)
@add_shared_options
def command(a: str, b: str | None, shared: SharedOptions) -> None:
    """Show a saved report again, or say what changed from one run to another.

    A.json and B.json are reports that were saved with --format json. One report is shown again, in any format, such as
    --format html. Of two reports, the findings that are gone, new or changed are listed, with the verdicts and every figure
    that differs.

    Exit code for one report: that of its verdict. For two: 0 if nothing is new or worse in B.json, otherwise 1.
    """
    from auscult.verbs.report.report import show_report

    run_verb(shared, "report", (a, b) if b else (a,), lambda _progress: show_report(a, b))
