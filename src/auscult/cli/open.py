"""`auscult open`: the page of a saved report, in the browser."""

from __future__ import annotations

from pathlib import Path

import click

GROUP = "Reports"


@click.command()
@click.argument("report", metavar="REPORT.json")
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the page. Default: a temporary folder.",
)
def command(report: str, page: Path | None) -> None:
    """Open a saved report as a page in the browser.

    REPORT.json is a report that was saved with --format json. The page needs no network, and can be sent to somebody else.
    """
    from auscult.verbs.report.open_page import write_page

    path = write_page(report, page)
    click.echo(str(path))
    click.launch(path.as_uri())
