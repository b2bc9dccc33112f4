"""Where a report goes: to the terminal and into files, in each format that was asked for; that of an error too."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from auscult.errors import AuscultError, UsageError
from auscult.report._formats import (
    SUFFIX_FORMATS,
    choose_format,
    list_formats,
    render_report,
    write_text,
)

if TYPE_CHECKING:
    from auscult.verdict import Report


def deliver_report(
    report: Report,
    destinations: Sequence[tuple[str, str | None]],
    *,
    verbose: int = 0,
    is_color_allowed: bool = True,
) -> None:
    """Print the report, or write it, in each of its formats."""
    for format, output in destinations:
        if output is None:
            color = is_color_allowed and is_color_wanted(sys.stdout)
            width = find_terminal_width(sys.stdout)
            _print_text(render_report(report, format, color=color, verbose=verbose, width=width))
        else:
            write_text(Path(output), render_report(report, format, verbose=verbose))


def _print_text(text: str) -> None:
    """Print to stdout; a reader that has gone away (`| head`) is no error."""
    try:
        sys.stdout.write(text.rstrip("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_color_wanted(stream: Any) -> bool:
    """Whether to colour what goes to that stream: a terminal that can, and nobody said NO_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def find_terminal_width(stream: Any) -> int | None:
    """Letters in a line of the terminal; None where the stream is none, as in a pipe."""
    if not stream.isatty():
        return None
    return shutil.get_terminal_size().columns


class Request(NamedTuple):
    """What a command line asked for: enough to report that it failed.

    Attributes:
        formats: As given to `--format`.
        outputs: As given to `--output`.
    """

    command: str = ""
    subjects: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def parse_request(args: Sequence[str]) -> Request:
    """What the words of a command line ask for, where click could not parse them."""
    words = [word for word in args if not word.startswith("-")]
    return Request(
        words[0] if words else "",
        formats=tuple(_iter_option_values(args, "--format")),
        outputs=(
            *_iter_option_values(args, "--output"),
            *_iter_option_values(args, "-o"),
        ),
    )


def _iter_option_values(args: Sequence[str], option: str) -> Iterator[str]:
    """Values of `--option value` and `--option=value`, or of `-o value` and `-ovalue`."""
    joint = f"{option}=" if option.startswith("--") else option
    for index, word in enumerate(args):
        if word == option:
            yield from args[index + 1 : index + 2]
        elif word.startswith(joint):
            yield word[len(joint) :]


def report_failure(error: AuscultError, request: Request) -> int:
    """Say in one line what went wrong, and as a report where one was asked for; gives the exit code.

    The report goes into every file of `--output`, so that what an earlier run left there is not taken
    for this one's; to stdout it goes as JSON, if that was asked for.
    """
    report = _describe_failure(error, request)
    for output in request.outputs:
        _write_failure(report, output, request)
    if "json" in request.formats:
        _print_text(render_report(report, "json"))
    click.echo(f"auscult: {error}", err=True)
    return 2


def _describe_failure(error: AuscultError, request: Request) -> Report:
    from auscult.report.sections.error import ErrorSection
    from auscult.verdict import Report, Verdict

    facts = {name: getattr(error, name) for name in ("what", "where", "expected", "found", "hint")}
    texts = {name: None if fact is None else str(fact) for name, fact in facts.items()}
    section = ErrorSection({"type": type(error).__name__, **texts})
    return Report(request.command, request.subjects, Verdict.ERROR, section=section)


def _write_failure(report: Report, output: str, request: Request) -> None:
    """Write the error to one file, where that can be done.

    A file that is there and is none of ours stays: `-o` may have been taken for the option that names
    the new checkpoint. That it cannot be written may be what the error is about.
    """
    path = Path(output)
    is_report_name = path.suffix[1:].lower() in list_formats() or path.suffix in SUFFIX_FORMATS
    if path.exists() and not (request.formats or is_report_name):
        return
    with contextlib.suppress(AuscultError):
        write_text(path, render_report(report, _choose_failure_format(output, request.formats)))


def _choose_failure_format(output: str, formats: tuple[str, ...]) -> str:
    """As `choose_format`; where that cannot tell, JSON if it was asked for."""
    try:
        return choose_format(output, formats)
    except UsageError:
        return "json" if "json" in formats else formats[0]
