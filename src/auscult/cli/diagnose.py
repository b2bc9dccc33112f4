"""`auscult diagnose`: all the evidence at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auscult.cli.common import (
    SharedOptions,
    add_device_option,
    add_shared_options,
    parse_json_argument,
    run_verb,
)

if TYPE_CHECKING:
    from auscult.runtime.device import DeviceName

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
    help="Reference and candidate to compare: trace files (see auscult trace), or models.",
)
@click.option("--inputs", metavar="FILE", help="Inputs for the models of --traces.")
@click.option("--audio", type=FILE, metavar="FILE", help="The recording that the model made.")
@click.option(
    "--reference-audio",
    type=FILE,
    metavar="FILE",
    help="How it should sound; its mel is the test signal.",
)
@click.option(
    "--config",
    type=FILE,
    metavar="FILE",
    help="Config of the model (JSON, YAML): sample rate, hop, strides, chunk.",
)
@click.option("--text", metavar="TEXT", help="The text that should be spoken.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A report saved as JSON, such as that of preflight on the training; repeatable.",
)
@click.option(
    "--settle/--no-settle",
    default=True,
    help="Try the settings that no tensor shows, on the reference recording. Default: yes.",
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the recordings and the mel picture.",
)
@click.option(
    "--container",
    metavar="PATH",
    help="Which part of the checkpoint to take, such as model_state_dict.",
)
@click.option(
    "--kwargs",
    metavar="JSON",
    callback=parse_json_argument,
    help="Arguments for the model's code.",
)
@add_device_option
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
    kwargs: dict[str, Any] | None,
    device: DeviceName | None,
    shared: SharedOptions,
) -> None:
    """Say why a model sounds wrong, from everything there is: weights, code, traces, sound. Give what you have.

    A table says which causes can make which sound. auscult looks for these causes in the weights, the code and the traces. The
    cause is named first, with what it explains. If none is found, the answer is the command that would find it.

    Some settings of a model are in no tensor, such as dilations. With a reference recording, and a model that auscult can
    run, these settings are tried. They are ranked by how well the output's mel gives back the mel that went in.

    Exit code 0: nothing is wrong. 1: something is. 3: there was too little to decide.
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
            kwargs=kwargs,
            device=device,
            progress=progress,
        ),
    )
