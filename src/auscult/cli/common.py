"""What every verb shares: its options, its error line, its exit code, and where the report goes.

A verb is one file in this folder. It parses, calls one public function, and hands the report to `run`:

    GROUP = "Weights"

    @click.command()
    @click.argument("a")
    @click.argument("b")
    @shared_options
    def command(a: str, b: str, shared: Shared) -> None:
        '''Say whether two files hold the same weights.'''
        from auscult.verbs.diff.diff import diff

        run(shared, "diff", (a, b), lambda progress: diff(a, b, progress=progress))
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import click

from auscult import plugins
from auscult.cli.progress import Progress, progress_bar
from auscult.errors import AuscultError, UsageError

if TYPE_CHECKING:
    from auscult.verdict import Report

P = ParamSpec("P")

GROUP_TITLES = ("Start here", "Weights", "Layers", "Sound", "Training", "Reports")
"""Headings of `auscult --help`; a verb names its own in `GROUP`."""

SUFFIX_FORMATS = {".htm": "html", ".xml": "junit", ".md": "github", ".txt": "text"}
"""Suffixes of `--output` that differ from the name of the format."""


def list_formats() -> tuple[str, ...]:
    """Names of the report formats, from the files in `auscult/report` (`json_.py` is `json`); text first."""
    return tuple(
        sorted(
            (name.rstrip("_") for name in plugins.list_module_names("auscult.report")),
            key=lambda name: (name != "text", name),
        )
    )


@dataclass(frozen=True)
class SharedOptions:
    """The options that every verb takes.

    Attributes:
        formats: As given; empty means text.
        outputs: Files to write, as given; each takes the format of its suffix, or the one format that was asked for.
    """

    quiet: bool = False
    verbose: int = 0
    formats: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    debug: bool = False

    def plan(self) -> list[tuple[str, str | None]]:
        """Which format goes where (None is stdout).

        Raises:
            UsageError: If an output file cannot be told which format it takes.
        """
        stdout_formats = list(self.formats)
        destinations: list[tuple[str, str | None]] = []
        for output in self.outputs:
            destinations.append((_choose_format(output, self.formats), output))
            if destinations[-1][0] in stdout_formats:
                stdout_formats.remove(destinations[-1][0])
        if not self.formats and all(name != "text" for name, _ in destinations):
            stdout_formats = ["text"]
        return [*((name, None) for name in stdout_formats), *destinations]


def _choose_format(output: str, requested_formats: tuple[str, ...]) -> str:
    suffix = Path(output).suffix.lower()
    by_suffix = SUFFIX_FORMATS.get(suffix, suffix[1:])
    if by_suffix in requested_formats or (not requested_formats and by_suffix in list_formats()):
        return by_suffix
    if len(requested_formats) > 1:
        raise UsageError(
            "cannot tell which format this file takes",
            where=output,
            hint="give it the suffix of one of the formats",
        )
    if requested_formats:
        return requested_formats[0]
    return "text"


_CODES = "CODES"

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
        help="Report only rules whose code starts so (LAY,CKP05).",
    ),
    click.option(
        "--ignore", multiple=True, metavar=_CODES, help="Leave out rules whose code starts so."
    ),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
)


def add_shared_options(function: Callable[P, None]) -> Callable[..., None]:
    """Add the shared options to a click command, and hand them over as one `shared` argument."""

    @functools.wraps(function)
    def command(*args: Any, **given: Any) -> None:
        names = ("quiet", "verbose", "formats", "outputs", "debug")
        prefixes = {name: _split_prefixes(given.pop(name)) for name in ("select", "ignore")}
        values = {name: given.pop(name) for name in names}
        function(*args, shared=SharedOptions(**values, **prefixes), **given)  # type: ignore[arg-type]

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


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


def _split_prefixes(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        part.strip().upper() for value in values for part in value.split(",") if part.strip()
    )


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
        exit_code: For a verb whose success is not its verdict's.
    """
    context = click.get_current_context()
    try:
        destinations = shared.plan()
        with _show_warnings(subjects), progress_bar(quiet=shared.quiet) as progress:
            report = filter_findings(work(progress), shared.select, shared.ignore)
        deliver_report(report, destinations, verbose=-1 if shared.quiet else shared.verbose)
    except AuscultError as error:
        if shared.debug:
            raise
        context.exit(
            report_failure(error, command=command, subjects=subjects, formats=shared.formats)
        )
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
        context.exit(
            report_failure(
                unexpected_error, command=command, subjects=subjects, formats=shared.formats
            )
        )
    context.exit(exit_code(report) if exit_code else report.verdict.exit_code)


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


def filter_findings(report: Report, select: tuple[str, ...], ignore: tuple[str, ...]) -> Report:
    """The report without the findings that the user did not ask for; each cause left out is listed as a skip.

    A verdict that rested on those findings alone becomes PASS; what the coverage counts as different stays divergent.
    """
    from dataclasses import replace

    from auscult.finding import Severity, Skip
    from auscult.verdict import Verdict, select_findings

    selected_findings = select_findings(report.findings, select, ignore)
    left_out = [finding for finding in report.findings if finding not in selected_findings]
    if not left_out:
        return report
    verdict = report.verdict
    if report.coverage:
        unequal = any(
            report.coverage.buckets.get(name) for name in ("different", "only_in_a", "only_in_b")
        )
    else:
        unequal = False
    if (
        verdict is Verdict.DIVERGENT
        and not unequal
        and not any(finding.severity is Severity.ERROR for finding in selected_findings)
    ):
        verdict = Verdict.PASS
    skips = tuple(
        Skip(f"{finding.code} {finding.cause}", f"left out as asked ({finding.count} places)")
        for finding in left_out
    )
    return replace(report, findings=selected_findings, verdict=verdict, skips=report.skips + skips)


def render_report(report: Report, format: str, *, color: bool = False, verbose: int = 0) -> str:
    """The report as text of that format."""
    files = {name.rstrip("_"): name for name in plugins.list_module_names("auscult.report")}
    return str(
        importlib.import_module(f"auscult.report.{files[format]}").render(
            report, color=color, verbose=verbose
        )
    )


def deliver_report(
    report: Report, destinations: Sequence[tuple[str, str | None]], *, verbose: int = 0
) -> None:
    """Print the report, or write it, in each of its formats."""
    for format, output in destinations:
        if output is None:
            _print_text(
                render_report(report, format, color=is_color_wanted(sys.stdout), verbose=verbose)
            )
        else:
            write_text(Path(output), render_report(report, format, verbose=verbose))


def _print_text(text: str) -> None:
    """Print to stdout; a reader that has gone away (`| head`) is no error."""
    try:
        sys.stdout.write(text.rstrip("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: If the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            hint="check the folder and the permissions",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def is_color_wanted(stream: Any) -> bool:
    """Whether to colour what goes to that stream: a terminal, and nobody said NO_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(stream.isatty())


def report_failure(
    error: AuscultError,
    *,
    command: str = "",
    subjects: Sequence[str] = (),
    formats: Sequence[str] = (),
    args: Sequence[str] = (),
) -> int:
    """Say in one line what went wrong, and as an envelope too where JSON was asked for; gives the exit code.

    Args:
        args: The raw command line, where it could not be parsed.
    """
    wants_json = (
        "json" in formats
        or "--format=json" in args
        or ("--format", "json") in itertools.pairwise(args)
    )
    if wants_json:
        from auscult.verdict import Report, Verdict

        facts = {
            name: getattr(error, name) for name in ("what", "where", "expected", "found", "hint")
        }
        extra = {
            "error": {
                "type": type(error).__name__,
                **{name: None if fact is None else str(fact) for name, fact in facts.items()},
            }
        }
        words = [word for word in args if not word.startswith("-")]
        report = Report(
            command or (words[0] if words else ""), tuple(subjects), Verdict.ERROR, extra=extra
        )
        _print_text(render_report(report, "json"))
    click.echo(f"auscult: {error}", err=True)
    return 2
