"""`auscult preflight`: look at a training before it is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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

GROUP = "Training"


@click.command()
@click.argument("target", required=False)
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    metavar="LOG",
    help="Check the figures of a training log too: a file, or the folder of an MLflow run or of TensorBoard.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="DIR",
    help="Listen to every recording of a folder too.",
)
@click.option(
    "--held-out",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="DIR",
    help="Recordings that are not trained on: whether some are in --data too.",
)
@click.option(
    "--kwargs",
    metavar="JSON",
    callback=parse_json_argument,
    help="Arguments for the trainer's code.",
)
@click.option(
    "--steps", type=click.IntRange(min=3), default=24, help="Training steps to watch. Default: 24."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=110.0,
    help="Time for everything. Default: 110.",
)
@click.option(
    "--sample-rate",
    type=click.IntRange(min=1),
    metavar="HZ",
    help="Sample rate, if the trainer does not give it.",
)
@click.option(
    "--bitrate",
    type=click.FloatRange(min=1),
    metavar="BITS",
    help="Bits a second, for the highest SNR that is possible.",
)
@click.option("--snr", type=float, metavar="DB", help="The SNR that the codec should reach.")
@add_device_option
@add_shared_options
def command(
    target: str | None,
    *,
    log: Path | None,
    data: Path | None,
    held_out: Path | None,
    kwargs: dict[str, object] | None,
    steps: int,
    seconds: float,
    sample_rate: int | None,
    bitrate: float | None,
    snr: float | None,
    device: DeviceName | None,
    shared: SharedOptions,
) -> None:
    """Say what will go wrong in a training, from a few steps of it.

    TARGET is package.module:callable or file.py:callable. It returns a dict with model, batch (or data, a folder), loss,
    optimizers and sample_rate, or a trainer of the EnCodec, DAC or HiFi-GAN shape. The code is run.

    Exit code 0: nothing is wrong. 1: something is. 2: it could not be run.
    """
    from auscult.verbs.preflight import preflight

    run_verb(
        shared,
        "preflight",
        tuple(str(part) for part in (target, log, data) if part),
        lambda progress: preflight(
            target,
            log=log,
            data=data,
            held_out=held_out,
            kwargs=kwargs,
            steps=steps,
            seconds=seconds,
            sample_rate=sample_rate,
            bitrate=bitrate,
            claims={} if snr is None else {"snr_db": snr},
            device=device,
            progress=progress,
        ),
    )
