"""`auscult mcp`: the verbs as tools of a coding agent."""

from __future__ import annotations

from pathlib import Path

import click

GROUP = "Reports"
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

EPILOG = """\b
Examples:
  auscult mcp --root .
  auscult mcp --root checkpoints --root samples --allow-code
  auscult mcp --write-skill .claude/skills"""


@click.command(epilog=EPILOG)
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=FOLDER,
    metavar="DIR",
    help="Folder that the tools may reach; repeatable. Default: the current one.",
)
@click.option(
    "--allow-code", is_flag=True, help="Run targets such as model.py:build when asked to."
)
@click.option(
    "--write-skill",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a skill for coding agents to DIR/auscult, and stop.",
)
def command(roots: tuple[Path, ...], *, allow_code: bool, write_skill: Path | None) -> None:
    """Offer the verbs to a coding agent, over the Model Context Protocol on stdin and stdout.

    The agent gets one tool for each verb, and short answers as JSON. It reaches files in the folders of --root only, and runs
    code only with --allow-code. Nothing is sent anywhere.
    """
    if write_skill is not None:
        from auscult.agents.skill import write_skill_folder

        click.echo(str(write_skill_folder(write_skill)))
        return
    from auscult.agents.server import build_server

    build_server(roots or (Path(),), is_code_allowed=allow_code).run("stdio")
