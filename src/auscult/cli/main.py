"""`auscult VERB ...`: finds the verbs by their folder, and imports only the one that was asked for."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from auscult import plugins
from auscult.cli.common import GROUP_TITLES
from auscult.cli.delivery import parse_request, report_failure
from auscult.cli.settings import read_settings
from auscult.errors import UsageError
from auscult.facts.hub_address import resolve_address
from auscult.facts.install import REPORTED_PACKAGES

HELPER_MODULES = frozenset(("main", "common", "delivery", "progress", "sound_output", "settings"))
"""Modules in this folder that are not verbs."""

COLLECT_AFTER = (50_000, 20, 20)
"""Thresholds of the cycle collector: starting up makes many objects and hardly any garbage."""

MAIN_EPILOG = """\b
Examples:
  auscult generator.pth                                        whatever fits this file
  auscult diagnose gen.pth --model code.py:Net --audio a.wav   why this sound?
  auscult listen bad.wav --ref good.wav                        what is wrong with it?
  auscult inspect generator.pth                                what is in this file?
  auscult diff generator.pth model.safetensors                 the same weights?
  auscult convert generator.pth out.npz --to mlx               make it fit, with proof
  auscult compare ref.safetensors port.safetensors             which layer goes wrong?
  auscult rules LAY001                                         what does this mean?

Exit codes: 0 nothing wrong, 1 findings, 2 usage or input error, 3 inconclusive."""


def list_verbs() -> tuple[str, ...]:
    """Names of the verbs: the modules of `auscult.cli` that hold a click command named `command`."""
    return tuple(
        name.rstrip("_")
        for name in plugins.list_module_names("auscult.cli")
        if name not in HELPER_MODULES
    )


class VerbGroup(click.Group):
    """A click group whose commands are the modules of this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(list_verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in list_verbs():
            return None
        return _import_verb(cmd_name).command  # type: ignore[no-any-return]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in list_verbs():
            args = _add_fitting_verb(args)
        verb, command, rest = super().resolve_command(ctx, args)
        if verb is not None and command is not None:
            ctx.default_map = {verb: read_settings(verb, command, ctx.params.get("settings"))}
        return verb, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The verbs, under the question that a group of them answers."""
        groups: dict[str, list[tuple[str, str]]] = {title: [] for title in GROUP_TITLES}
        for name in list_verbs():
            module = _import_verb(name)
            groups.setdefault(getattr(module, "GROUP", GROUP_TITLES[-1]), []).append(
                (name, module.command.get_short_help_str(200))
            )
        for title, rows in groups.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _add_fitting_verb(args: list[str]) -> list[str]:
    """A command line that begins with paths, with the verb that fits them in front; stderr says which.

    Raises:
        UsageError: If the first word is neither a path nor a verb, or no verb fits.
    """
    if not _looks_like_path(args[0]):
        import difflib

        close = difflib.get_close_matches(args[0], list_verbs(), n=1)
        if close:
            hint = f"did you mean `auscult {close[0]}`?"
        else:
            hint = "`auscult --help` lists the verbs"
        raise UsageError(f"there is no verb `{args[0]}`", hint=hint)
    import shlex
    from itertools import takewhile

    from auscult.verbs.choose import choose_command

    paths = list(takewhile(lambda word: not word.startswith("-") or word == "-", args))
    chosen = choose_command(paths)
    click.echo(f"auscult {shlex.join(chosen.words)}   ({chosen.reason})", err=True)
    return [*chosen.words, *args[len(paths) :]]


def _looks_like_path(word: str) -> bool:
    """Whether a word is meant as a path or as code; a verb has neither a dot nor a slash."""
    return Path(word).exists() or any(sign in word for sign in "./:\\")


def _import_verb(verb: str) -> Any:
    names = {name.rstrip("_"): name for name in plugins.list_module_names("auscult.cli")}
    return importlib.import_module(f"auscult.cli.{names[verb]}")


def _print_version(ctx: click.Context, _option: click.Parameter, is_requested: bool) -> None:
    if not is_requested or ctx.resilient_parsing:
        return
    import platform
    from importlib import metadata

    from auscult.verdict import VERSION

    lines = [
        f"auscult {VERSION}",
        f"python {platform.python_version()} on {platform.system()} {platform.machine()}",
    ]
    for package in REPORTED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            lines.append(f"{package} {metadata.version(package)}")
    click.echo("\n".join(lines))
    ctx.exit(0)


@click.group(
    cls=VerbGroup,
    epilog=MAIN_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions and exit.",
)
@click.option(
    "--settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TOML",
    help="File with [tool.auscult] defaults of the options. Default: the nearest pyproject.toml.",
)
def group(settings: Path | None) -> None:
    """Find out why a neural audio model sounds wrong, prove it, and repair it.

    Without a VERB, auscult looks at the paths it is given and runs the verb that fits.
    """


def run_command_line(args: Sequence[str]) -> int:
    """Run one command line and give its exit code; everything is printed on the way."""
    try:
        local_args = [resolve_address(word) for word in args]
        code = group.main(args=local_args, prog_name="auscult", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.UsageError as error:
        return report_failure(_to_usage_error(error), parse_request(args))
    except click.ClickException as error:
        return report_failure(UsageError(error.format_message()), parse_request(args))
    except UsageError as error:
        return report_failure(error, parse_request(args))
    except (click.Abort, KeyboardInterrupt):
        click.echo("auscult: interrupted", err=True)
        return 130
    if isinstance(code, int):
        return code
    return 0


def _to_usage_error(error: click.UsageError) -> UsageError:
    verb = error.ctx.command_path if error.ctx else "auscult"
    message = error.format_message().rstrip(".")
    return UsageError(
        message[:1].lower() + message[1:],
        hint=None if "Did you mean" in message else f"`{verb} --help` shows the usage",
    )


def main() -> None:
    """The console script."""
    gc.set_threshold(*COLLECT_AFTER)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run_command_line(sys.argv[1:]))
