"""`auscult serve`: a local page to drop files on."""

from __future__ import annotations

from pathlib import Path

import click

GROUP = "Start here"
MEGABYTE = 1_000_000

EPILOG = """\b
Examples:
  auscult serve
  auscult serve checkpoints --port 8700
  auscult serve . --allow-code --no-browser"""


@click.command(epilog=EPILOG)
@click.argument(
    "folder",
    required=False,
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--reports",
    default="auscult-reports",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the reports are kept. Default: auscult-reports.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Port of the page. Default: a free one.",
)
@click.option(
    "--max-upload",
    type=click.IntRange(1),
    default=4000,
    metavar="MB",
    help="Room for dropped files. Default: 4000.",
)
@click.option("--allow-code", is_flag=True, help="Run targets such as model.py:build.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open nothing.")
def command(
    folder: Path,
    *,
    reports: Path,
    port: int,
    max_upload: int,
    allow_code: bool,
    no_browser: bool,
) -> None:
    """Open a local page: drop files, see the verb that fits run, and keep the reports.

    The page offers the files of FOLDER, and takes others by drag and drop. It is reached from this machine alone, at an address
    with a secret in it. Nothing is sent anywhere. Ctrl-C ends it.
    """
    from auscult.workbench.server import serve

    def show_address(address: str) -> None:
        click.echo(address)
        if not no_browser:
            click.launch(address)

    serve(
        folder,
        reports,
        port=port,
        max_upload_bytes=max_upload * MEGABYTE,
        is_code_allowed=allow_code,
        on_start=show_address,
    )
