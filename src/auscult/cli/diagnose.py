"""`auscult diagnose`: all the evidence at once."""

from __future__ import annotations

from pathlib import Path

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb
from auscult.cli.diff import parse_kwargs

GROUP = "Start here"
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("checkpoint", required=False)
@click.option(
    "--model",
    metavar="TARGET",
    help="The code that loads it: package.module:callable or file.py:callable. It is run.",
)
@click.option(
    "--reference-checkpoint",
    metavar="FILE",
    help="The weights as they should be, such as the original of a conversion.",
)
@click.option(
    "--traces",
    nargs=2,
    metavar="REF CAND",
    help="What both sides computed: trace files, or what can be run. See auscult trace.",
)
@click.option(
    "--inputs", metavar="FILE", help="What both sides of --traces are run on, where they are run."
)
@click.option("--audio", type=FILE, metavar="FILE", help="What the model gave.")
@click.option(
    "--reference-audio",
    type=FILE,
    metavar="FILE",
    help="What it should have given; its mel is the test signal.",
)
@click.option(
    "--config",
    type=FILE,
    metavar="FILE",
    help="JSON config of the model: sample rate, hop, strides, chunk.",
)
@click.option("--text", metavar="TEXT", help="What should be said.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A report that another run saved as JSON, such as that of preflight on the training; repeatable.",
)
@click.option(
    "--settle/--no-settle",
    default=True,
    help="Run the variants of the family on the reference recording. Default: yes.",
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Put the recordings and the mel picture there.",
)
@click.option(
    "--container",
    metavar="PATH",
    help="Which part of the checkpoint to take, such as model_state_dict.",
)
@click.option("--kwargs", metavar="JSON", help="Arguments for the model's code.")
@add_shared_options
def command(
    checkpoint: str | None,
    *,
    model: str | None,
    reference_checkpoint: str | None,
    traces: tuple[str, str] | None,
    inputs: str | None,
    audio: Path | None,
    reference_audio: Path | None,
    config: Path | None,
    text: str | None,
    reports: tuple[Path, ...],
    settle: bool,
    output_dir: Path | None,
    container: str | None,
    kwargs: str | None,
    shared: SharedOptions,
) -> None:
    """Say why a model sounds wrong, from everything there is: weights, code, traces, sound. Give what you have.

    What is heard is joined with what weights, code and traces show, through a table of what makes which sound: the cause
    comes first, with what it explains, or the one run that would settle it.

    With a reference recording and a family that auscult can run, the readings of the model that load the same tensors are
    tried, and ranked by how well the mel of their output gives back the mel that went in.

    Exit code 0: nothing wrong. 1: something is. 3: nothing could be settled.
    """
    from auscult.rules.sound.subject import SoundFacts
    from auscult.verbs.diagnose.diagnose import diagnose

    run_verb(
        shared,
        "diagnose",
        tuple(
            str(part)
            for part in (checkpoint, model, reference_checkpoint, *(traces or ()), audio)
            if part
        ),
        lambda progress: diagnose(
            checkpoint,
            model,
            reference_checkpoint=reference_checkpoint,
            traces=traces,
            trace_inputs=inputs,
            audio=audio,
            reference_audio=reference_audio,
            config=config,
            facts=SoundFacts(text=text),
            reports=reports,
            settle=settle,
            output_dir=output_dir,
            container=container,
            kwargs=parse_kwargs(kwargs),
            progress=progress,
        ),
    )
