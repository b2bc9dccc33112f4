"""`auscult run FAMILY ...`: runs a model that auscult can rebuild; the families are the modules of this folder."""

from __future__ import annotations

import importlib

import click

from auscult import plugins
from auscult.cli.common import SharedOptions, add_shared_options
from auscult.errors import UsageError

GROUP = "Sound"


def list_families() -> tuple[str, ...]:
    """Names of the families that can be run, as the command line has them (`stable-audio`)."""
    return tuple(name.replace("_", "-") for name in plugins.list_module_names(__name__))


class FamilyGroup(click.Group):
    """A click group whose commands are the modules of this folder, each with a click command named `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(list_families())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in list_families():
            return None
        return importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command  # type: ignore[no-any-return]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in list_families():
            raise UsageError(
                f"cannot run `{args[0]}`",
                hint=f"choose one of {', '.join(list_families()) or 'none yet'}",
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=FamilyGroup,
    no_args_is_help=True,
    short_help="Make a model sound: prompt or text in, recording out.",
)
@add_shared_options
def command(shared: SharedOptions) -> None:
    """Make a model sound: prompt or text in, recording out.

    Each family has its own options (auscult run FAMILY --help), and takes those below after its name.
    """
    if shared != SharedOptions():
        raise click.UsageError("give the options after the family's name")
