"""What every verb shares: its options, its error line, its exit code, and where the report goes.

A verb is one file in this folder. It parses, calls one public function, and hands the report to `run_verb`:

    GROUP = "Weights"

    @click.command()
    @click.argument("reference")
    @click.argument("candidate")
    @add_shared_options
    def command(reference: str, candidate: str, shared: SharedOptions) -> None:
        '''Say whether two files hold the same weights.'''
        from auscult.verbs.diff.diff import diff

        sides = (reference, candidate)
        run_verb(shared, "diff", sides, lambda progress: diff(*sides, progress=progress))
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import click

from auscult.cli.delivery import Request, deliver_report, report_failure
from auscult.cli.progress import progress_bar
from auscult.errors import AuscultError, UsageError
from auscult.facts.progress import Progress
from auscult.report._formats import choose_format, list_formats

if TYPE_CHECKING:
    from auscult.verdict import Report

P = ParamSpec("P")

GROUP_TITLES = ("Start here", "Weights", "Layers", "Sound", "Training", "Reports")
"""Headings of `auscult --help`; a verb names its own in `GROUP`."""


@dataclass(frozen=True)
class SharedOptions:
    """The options that every verb takes.

    Attributes:
        formats: As given; empty means text.
        outputs: Files to write, as given; each takes the format of its suffix, or the one format that was asked for.
        select, ignore: Beginnings of rule codes, in capitals: what is shown.
        fail_on: Severities and `never` in small letters, beginnings of rule codes in capitals:
            what decides the exit code.
        baseline: File of an earlier report; only what is new since then fails.
        is_color_allowed: Whether a terminal may be sent colours.
        is_stdout_free: Whether a report may go to stdout; no where the command prints something
            else there.
    """

    quiet: bool = False
    verbose: int = 0
    formats: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    baseline: str | None = None
    debug: bool = False
    is_color_allowed: bool = True
    is_stdout_free: bool = True

    def check_codes(self) -> None:
        """Refuse codes that no rule has.

        Raises:
            UsageError: If no rule's code begins as one of `select`, `ignore` or `fail_on` does.
        """
        codes_by_option = {
            "--select": self.select,
            "--ignore": self.ignore,
            "--fail-on": tuple(word for word in self.fail_on if word not in FAIL_ON_WORDS),
        }
        if any(codes_by_option.values()):
            from auscult.rules import require_known_codes

            for option, codes in codes_by_option.items():
                require_known_codes(codes, option)

    def plan(self) -> list[tuple[str, str | None]]:
        """Which format goes where (None is stdout).

        Raises:
            UsageError: If an output file cannot be told which format it takes.
        """
        stdout_formats = list(self.formats)
        destinations: list[tuple[str, str | None]] = []
        for output in self.outputs:
            destinations.append((choose_format(output, self.formats), output))
            if destinations[-1][0] in stdout_formats:
                stdout_formats.remove(destinations[-1][0])
        if not self.formats and all(name != "text" for name, _ in destinations):
            stdout_formats = ["text"]
        if not self.is_stdout_free:
            stdout_formats = []
        return [*((name, None) for name in stdout_formats), *destinations]


_CODES = "CODES"
FAIL_ON_WORDS = ("error", "warning", "info", "new", "never")
"""What `--fail-on` takes besides codes."""

_OPTIONS = (
    click.option("-q", "--quiet", is_flag=True, help="Print the verdict line only."),
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="Show the evidence and the mapping; -vv lists every place.",
    ),
    click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice(list_formats()),
        help="Report format; repeatable. Default: text.",
    ),
    click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="FILE",
        help="Write the report to FILE; repeatable.",
    ),
    click.option(
        "--select",
        multiple=True,
        metavar=_CODES,
        help="Show only rules whose code starts so (LAY,CKP05). Verdict and exit code stay.",
    ),
    click.option(
        "--ignore",
        multiple=True,
        metavar=_CODES,
        help="Do not show rules whose code starts so. Verdict and exit code stay.",
    ),
    click.option(
        "--fail-on",
        multiple=True,
        metavar="WHAT",
        help="Exit 1 for findings of this severity (error, warning, info) or code, shown or not, else 0; "
        "never: always 0; new: with --baseline, or of two reports. Inconclusive stays 3, unless never.",
    ),
    click.option(
        "--baseline",
        metavar="REPORT",
        help="An earlier JSON report of this command: exit 1 only for findings that are new or worse.",
    ),
    click.option("--no-color", is_flag=True, help="Print without colours, as NO_COLOR does."),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
)


def add_shared_options(function: Callable[P, None]) -> Callable[..., None]:
    """Add the shared options to a click command, and hand them over as one `shared` argument."""

    @functools.wraps(function)
    def command(*args: Any, **given: Any) -> None:
        shared = SharedOptions(
            quiet=given.pop("quiet"),
            verbose=given.pop("verbose"),
            formats=given.pop("formats"),
            outputs=given.pop("outputs"),
            select=split_codes(given.pop("select")),
            ignore=split_codes(given.pop("ignore")),
            fail_on=parse_fail_on(given.pop("fail_on")),
            baseline=given.pop("baseline"),
            debug=given.pop("debug"),
            is_color_allowed=not given.pop("no_color"),
        )
        function(*args, shared=shared, **given)  # type: ignore[arg-type]

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def add_device_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--device` to a click command: where its model runs."""
    return click.option(
        "--device",
        type=click.Choice(("cpu", "cuda", "mps")),
        help="Where the model runs. Default: cpu, or where its code puts it.",
    )(function)


def parse_json_argument(
    _context: click.Context, option: click.Parameter, text: str | None
) -> dict[str, Any] | None:
    """Callback of an option that takes a JSON object."""
    if text is None:
        return None
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", param=option) from error
    if not isinstance(value, dict):
        raise click.BadParameter("is not a JSON object such as '{\"width\": 256}'", param=option)
    return value


def split_codes(values: Sequence[str]) -> tuple[str, ...]:
    """Beginnings of codes in capitals, from options that may hold several with commas between."""
    return tuple(
        part.strip().upper() for value in values for part in value.split(",") if part.strip()
    )


def parse_fail_on(values: Sequence[str]) -> tuple[str, ...]:
    """The words of `--fail-on`: severities and `never` in small letters, beginnings of codes in capitals.

    Raises:
        click.BadParameter: If `never` stands beside something else.
    """
    words = tuple(
        code.lower() if code.lower() in FAIL_ON_WORDS else code for code in split_codes(values)
    )
    if "never" in words and len(words) > 1:
        raise click.BadParameter("never stands alone", param_hint="--fail-on")
    return words


def run_verb(
    shared: SharedOptions,
    command: str,
    subjects: Sequence[str],
    work: Callable[[Progress | None], Report],
    exit_code: Callable[[Report], int] | None = None,
) -> NoReturn:
    """Do the work of a verb, print its report, and end the command with the verdict's exit code.

    Args:
        work: Calls the verb's public function; its argument is the progress callback to hand on (None when nobody watches).
        exit_code: For a verb whose success is not its verdict's; `--fail-on` goes before it.
    """
    context = click.get_current_context()
    request = Request(command, tuple(subjects), shared.formats, shared.outputs)
    try:
        shared.check_codes()
        destinations = shared.plan()
        with _show_warnings(subjects), progress_bar(quiet=shared.quiet) as progress:
            report = work(progress).narrowed(shared.select, shared.ignore)
        code = _decide_exit_code(report, shared, exit_code)
        deliver_report(
            report,
            destinations,
            verbose=-1 if shared.quiet else shared.verbose,
            is_color_allowed=shared.is_color_allowed,
        )
    except AuscultError as error:
        if shared.debug:
            raise
        context.exit(report_failure(error, request))
    except (KeyboardInterrupt, click.exceptions.Exit, click.ClickException):
        raise
    except (
        Exception
    ) as error:  # the outermost boundary: a defect of ours must still end in one line
        if shared.debug:
            raise
        unexpected_error = AuscultError(
            f"stopped by {type(error).__name__}: {error}",
            hint="a defect of auscult: run again with --debug and report it",
        )
        context.exit(report_failure(unexpected_error, request))
    context.exit(code)


def _decide_exit_code(
    report: Report, shared: SharedOptions, exit_code: Callable[[Report], int] | None
) -> int:
    """The exit code by the baseline, of which one line tells on stderr; else by `--fail-on`; else the verb's own.

    Raises:
        UsageError: If the baseline is no report of this command, or `new` was asked for and nothing says what is new.
    """
    if shared.baseline is not None:
        from auscult.verbs.report.baseline import compare_to_baseline

        comparison = compare_to_baseline(report, shared.baseline)
        if not shared.quiet:
            click.echo(f"auscult: {comparison.describe()}", err=True)
        return comparison.exit_code(shared.fail_on)
    if "new" in shared.fail_on and "changes" not in report.extra:
        raise UsageError(
            "nothing says what is new",
            where="--fail-on new",
            hint="give --baseline REPORT.json, or compare two reports: auscult report A.json B.json",
        )
    if exit_code is not None and not shared.fail_on:
        return exit_code(report)
    return report.exit_code(shared.fail_on)


@contextlib.contextmanager
def _show_warnings(subjects: Sequence[str]) -> Iterator[None]:
    """Show what the library warns of, such as that it runs the user's code; only code targets cost the import of logging."""
    if not any(":" in subject and not Path(subject).exists() for subject in subjects):
        yield
        return
    import logging

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("auscult: %(message)s"))
    logger = logging.getLogger("auscult")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
