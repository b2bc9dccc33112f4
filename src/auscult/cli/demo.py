"""`auscult demo`: the wrong code, a buzz and its repair, on a trained vocoder."""

from __future__ import annotations

from pathlib import Path

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb

GROUP = "Start here"


@click.command()
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    metavar="DIR",
    help="Where the recordings, the picture and the page go.",
)
@add_shared_options
def command(output_dir: Path, shared: SharedOptions) -> None:
    """Load a trained vocoder into the wrong code, hear it buzz, find out why, and let it speak again.

    It needs PyTorch (pip install 'auscult-audio[torch,html]'). Exit code 0: the diagnosis found the planted mistake, and the
    repaired model speaks. 1: it did not.
    """
    from auscult.verbs.demo import is_story_complete, run_demo

    run_verb(
        shared,
        "demo",
        (),
        lambda progress: run_demo(output_dir, progress=progress),
        exit_code=lambda report: 0 if is_story_complete(report) else 1,
    )
