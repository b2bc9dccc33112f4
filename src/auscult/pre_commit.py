"""The pre-commit hook: hold every checkpoint that is about to be committed to `auscult inspect`.

    python -m auscult.pre_commit [--select CODES] [--ignore CODES] [--fail-on WHAT] [--strict] FILE...

pre-commit hands over many files, `auscult inspect` takes one: this runs it on each. A healthy file is silent; another is shown as
`auscult inspect` shows it.

Exit code: the worst of `auscult inspect`'s, 0 where all files are healthy, 1 where one has a finding
of severity error (with `--strict`, which is `--fail-on warning`, also of severity warning), 2 where
one cannot be read. `--select` and `--ignore` choose what is shown; `--fail-on` changes the exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from auscult.cli.common import SharedOptions, parse_fail_on, split_codes
from auscult.cli.delivery import is_color_wanted
from auscult.errors import AuscultError, UsageError
from auscult.report._formats import render_report
from auscult.verdict import FAIL_NEW


@click.command(help="Check checkpoints as `auscult inspect` does; silent where nothing is wrong.")
@click.argument("files", nargs=-1, type=click.Path())
@click.option(
    "--select",
    multiple=True,
    metavar="CODES",
    help="Show only rules whose code starts so (CKP05). The exit code stays.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODES",
    help="Do not show rules whose code starts so. The exit code stays.",
)
@click.option(
    "--fail-on",
    multiple=True,
    metavar="WHAT",
    help="Fail for findings of this severity (error, warning, info) or code, or never.",
)
@click.option("--strict", is_flag=True, help="Fail on warnings, too: --fail-on warning.")
def command(
    files: Sequence[str],
    *,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: tuple[str, ...],
    strict: bool,
) -> None:
    """Check each file and end with the worst exit code."""
    options = SharedOptions(
        select=split_codes(select),
        ignore=split_codes(ignore),
        fail_on=parse_fail_on(fail_on) or (("warning",) if strict else ()),
    )
    try:
        options.check_codes()
        if FAIL_NEW in options.fail_on:
            raise UsageError("a hook has no earlier report", where="--fail-on new")
    except UsageError as error:
        click.echo(f"auscult: {error}", err=True)
        sys.exit(2)
    sys.exit(max((check_file(file, options) for file in files), default=0))


def check_file(file: str, options: SharedOptions) -> int:
    """Inspect one file, show what is wrong with it, and give the exit code."""
    from auscult.verbs.inspect.inspect import inspect

    try:
        report = inspect(file).narrowed(options.select, options.ignore)
    except AuscultError as error:
        click.echo(f"auscult: {error}", err=True)
        return 2
    code = report.exit_code(options.fail_on)
    if code:
        click.echo(render_report(report, "text", color=is_color_wanted(sys.stdout)).rstrip())
    return code


if __name__ == "__main__":
    command()
