"""`auscult train`: train a codec or a vocoder that works, and know how good it can be."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auscult.cli.common import SharedOptions, add_device_option, add_shared_options, run_verb
from auscult.facts.config_file import load_config_file

if TYPE_CHECKING:
    from auscult.facts.progress import Progress
    from auscult.runtime.device import DeviceName
    from auscult.verbs.recordings import FlawedChoice
    from auscult.verdict import Report

GROUP = "Training"

EPILOG = """\b
Examples:
  auscult train codec --data telugu --out codec
  auscult train codec --data recordings/ --out codec --steps 4000 --set codec.causal=false
  auscult train codec --config codec.json --out codec
  auscult train vocoder recordings/ --out vocoder
  auscult train vocoder recordings/ --out vocoder --family hifigan --mel hifigan
  torchrun --nproc-per-node 2 -m auscult train codec --data recordings/ --out codec
  auscult train --study amplitude --out study.md

Run `auscult preflight` first: it takes two minutes, a training takes hours. The same command goes on with a run that was stopped."""


def _parse_settings(
    _context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, Any]:
    """`codec.hop=3` to {"codec": {"hop": 3}}; what is no JSON is text."""
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"is not of the form NAME=VALUE: {text}", param=option)
        try:
            setting_value = json.loads(value)
        except ValueError:
            setting_value = value
        section, _, field_name = name.partition(".")
        if field_name:
            settings.setdefault(section, {})[field_name] = setting_value
        else:
            settings[section] = setting_value
    return settings


@click.command(epilog=EPILOG)
@click.argument("model", required=False)
@click.argument("source", required=False, metavar="[DATA]")
@click.option(
    "--data",
    metavar="DIR",
    help="Folder of recordings, as DATA; or speech that espeak-ng makes: `telugu` for a codec, `espeak` for a vocoder."
    "  [default: that]",
)
@click.option(
    "--out", metavar="DIR", help="Folder of the checkpoints and the log.  [default: MODEL]"
)
@click.option("--steps", type=click.IntRange(1), help="Steps of the whole run.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    help="JSON file with settings.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    callback=_parse_settings,
    metavar="NAME=VALUE",
    help="A setting; repeatable.",
)
@click.option(
    "--family",
    type=click.Choice(("vocos", "hifigan")),
    help="Of a vocoder's network.  [default: vocos]",
)
@click.option(
    "--mel",
    metavar="NAME|FILE",
    help="What a vocoder is fed: a definition that `auscult mel --against` knows, or a JSON file of its settings."
    "  [default: the family's own]",
)
@click.option(
    "--flawed",
    type=click.Choice(("stop", "skip", "use")),
    default="stop",
    show_default=True,
    help="Where recordings are silent, clipped, unreadable and the like: list them and stop, leave them out, or use them.",
)
@click.option(
    "--study", metavar="NAME", help="Run a study instead (amplitude) and write its table to --out."
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Runs of each design, for a study.",
)
@add_device_option
@add_shared_options
def command(
    model: str | None,
    source: str | None,
    *,
    data: str | None,
    out: str | None,
    steps: int | None,
    config: Path | None,
    changes: dict[str, Any],
    family: str | None,
    mel: str | None,
    flawed: FlawedChoice,
    study: str | None,
    seeds: int,
    device: DeviceName | None,
    shared: SharedOptions,
) -> None:
    """Train a model (MODEL: codec or vocoder) on DATA, or continue the training in --out.

    Every field of the training's config is a setting; `--set codec.NAME=VALUE` sets one of the codec's own, `--set
    model.NAME=VALUE` one of the vocoder's network.
    """
    if (model is None) == (study is None):
        raise click.UsageError("give either a model to train (codec, vocoder) or --study NAME")
    if source is not None and data is not None:
        raise click.UsageError("DATA and --data are the same: give one")
    if study is not None:
        _write_study(shared, study, out or f"{study}.md", seeds=seeds, steps=steps)
        return
    options = {"data": source or data, "out": out, "steps": steps, "device": device}
    if model == "vocoder":
        options |= {"family": family, "mel": mel}
    elif family or mel:
        raise click.UsageError("--family and --mel are a vocoder's")
    settings = _merge_settings(config, options, changes)
    run_verb(
        shared,
        "train",
        (str(settings.get("data", model)),),
        partial(_train, str(model), settings, flawed),
    )


def _train(
    model: str, settings: dict[str, Any], flawed: FlawedChoice, progress: Progress | None
) -> Report:
    if model == "vocoder":
        from auscult.verbs.train.vocoder import train_vocoder_model

        return train_vocoder_model(settings=settings, flawed=flawed, progress=progress)
    from auscult.verbs.train.train import train_model

    return train_model(model, settings=settings, flawed=flawed, progress=progress)


def _write_study(
    shared: SharedOptions, study: str, page: str, *, seeds: int, steps: int | None
) -> None:
    from auscult.verbs.train import train as verbs

    run_verb(
        shared,
        "train",
        (study,),
        lambda progress: verbs.write_study(
            study, page, seeds=seeds, steps=steps, progress=progress
        ),
    )


def _merge_settings(
    config: Path | None, options: dict[str, Any], changes: dict[str, Any]
) -> dict[str, Any]:
    """The settings of the file, overridden by the options that were set, and these by `--set`.

    Of the model's own settings (`codec`, `model`), each by itself.
    """
    settings: dict[str, Any] = dict(load_config_file(config)) if config else {}
    settings.update({name: value for name, value in options.items() if value is not None})
    for name, value in changes.items():
        if isinstance(value, dict):
            settings[name] = {**settings.get(name, {}), **value}
        else:
            settings[name] = value
    return settings
