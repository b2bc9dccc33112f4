"""The pre-commit hook: hold every checkpoint that is about to be committed to `auscult inspect`.

    python -m auscult.pre_commit [--select CODES] [--ignore CODES] [--strict] FILE...

pre-commit hands over many files, `auscult inspect` takes one: this runs it on each. A healthy file is silent; another is shown as
`auscult inspect` shows it.

Exit code: the worst of `auscult inspect`'s, 0 where all files are healthy, 1 where one has a finding of severity error (with
`--strict` also of severity warning), 2 where one cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from auscult.cli.common import filter_findings, is_color_wanted, render_report
from auscult.errors import AuscultError


@click.command(help="Check checkpoints as `auscult inspect` does; silent where nothing is wrong.")
@click.argument("files", nargs=-1, type=click.Path())
@click.option(
    "--select",
    multiple=True,
    metavar="CODES",
    help="Report only rules whose code starts so (CKP05).",
)
@click.option(
    "--ignore", multiple=True, metavar="CODES", help="Leave out rules whose code starts so."
)
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
def command(
    files: Sequence[str], *, select: tuple[str, ...], ignore: tuple[str, ...], strict: bool
) -> None:
    """Check each file and end with the worst exit code."""
    selected_codes, ignored_codes = (
        tuple(part for text in codes for part in text.upper().split(","))
        for codes in (select, ignore)
    )
    sys.exit(
        max(
            (check_file(file, selected_codes, ignored_codes, strict=strict) for file in files),
            default=0,
        )
    )


def check_file(
    file: str, select: tuple[str, ...] = (), ignore: tuple[str, ...] = (), *, strict: bool = False
) -> int:
    """Inspect one file, show what is wrong with it, and give the exit code."""
    from auscult.finding import Severity
    from auscult.verbs.inspect.inspect import inspect

    try:
        report = filter_findings(inspect(file), select, ignore)
    except AuscultError as error:
        click.echo(f"auscult: {error}", err=True)
        return 2
    failing_severity = Severity.WARNING if strict else Severity.ERROR
    has_findings = any(
        finding.severity.rank <= failing_severity.rank for finding in report.findings
    )
    if has_findings or report.verdict.exit_code:
        click.echo(render_report(report, "text", color=is_color_wanted(sys.stdout)).rstrip())
    return max(report.verdict.exit_code, int(has_findings))


if __name__ == "__main__":
    command()
