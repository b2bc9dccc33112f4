"""The command line itself: finding verbs, options, errors, exit codes, output files."""

from __future__ import annotations

import importlib.resources
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import jsonschema
import numpy as np
import pytest

from auscult.cli.common import (
    SharedOptions,
    add_shared_options,
    run_verb,
)
from auscult.cli.delivery import is_color_wanted
from auscult.cli.main import list_verbs
from auscult.cli.progress import ProgressBar, ProgressLines, progress_bar
from auscult.errors import UsageError
from auscult.report._formats import write_text
from auscult.verdict import Report, Verdict
from tests.conftest import Ran

Cli = Callable[..., Ran]


def schema() -> Any:
    return json.loads(
        importlib.resources.files("auscult").joinpath("schemas/report.schema.json").read_text()
    )


def process(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "auscult", *args]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    arrays: dict[str, Any] = {
        "conv.weight": np.random.default_rng(0).standard_t(4, (8, 4, 3)).astype(np.float32)
    }
    np.savez(path, **arrays)
    return path


def test_help_names_every_verb(auscult: Cli) -> None:
    ran = auscult("--help")
    assert ran.exit_code == 0
    assert {"inspect", "rules"} <= set(list_verbs())
    assert all(f"  {verb} " in ran.out for verb in list_verbs())


VERBS_WITHOUT_A_REPORT = ("open", "serve", "mcp")
"""They show reports or start something, and make none themselves."""


def test_every_verb_has_help_and_those_with_a_report_the_shared_options(auscult: Cli) -> None:
    for verb in list_verbs():
        ran = auscult(verb, "--help")
        assert ran.exit_code == 0
        if verb in VERBS_WITHOUT_A_REPORT:
            continue
        for option in (
            "--quiet",
            "--verbose",
            "--format",
            "--output",
            "--select",
            "--ignore",
            "--fail-on",
            "--debug",
        ):
            assert option in ran.out, (verb, option)


def test_no_arguments_show_the_help(auscult: Cli) -> None:
    assert auscult().exit_code == 0


def test_version_lists_what_a_bug_report_needs(auscult: Cli) -> None:
    ran = auscult("--version")
    assert ran.exit_code == 0
    assert ran.out.startswith("auscult 0.1.0\npython 3.")
    assert f"numpy {np.__version__}\n" in ran.out


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("inspct", "x"), "auscult: there is no verb `inspct`; did you mean `auscult inspect`?\n"),
        (("zzz",), "auscult: there is no verb `zzz`; `auscult --help` lists the verbs\n"),
        (("inspect",), "auscult: missing argument 'TARGET'; `auscult inspect --help` shows the usage\n"),
        (("inspect", "x", "--formt", "json"), "auscult: no such option '--formt'. Did you mean '--format'?\n"),
        (("inspect", "x", "--kwargs", "3"), "auscult: invalid value for '--kwargs': is not a JSON object such as "
         "'{\"width\": 256}'; `auscult inspect --help` shows the usage\n"),
    ],
)  # fmt: skip
def test_usage_errors_are_one_line_and_exit_2(
    auscult: Cli, args: tuple[str, ...], line: str
) -> None:
    assert auscult(*args) == Ran(2, "", line)


def test_an_input_error_is_one_line_and_exits_2(auscult: Cli) -> None:
    ran = auscult("inspect", "no-such-file.pth")
    assert (ran.exit_code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("auscult: no-such-file.pth: ")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "args",
    [
        ("inspect", "no-such-file.pth"),
        ("inspect", "--no-such-option"),
        ("inspct",),
        ("rules", "XYZ999"),
    ],
)
def test_errors_as_json_are_the_envelope(auscult: Cli, args: tuple[str, ...]) -> None:
    ran = auscult(*args, "--format", "json")
    envelope = json.loads(ran.out)
    assert ran.exit_code == 2
    assert envelope["verdict"] == "ERROR"
    assert envelope["error"]["what"]
    jsonschema.validate(envelope, schema())


@pytest.mark.parametrize(
    "args",
    [
        ("inspect", "no-such-file.pth"),
        ("diff", "no-such-file.pth", "no-such-file.pth"),
        ("convert", "no-such-file.pth", "out.safetensors"),
        ("listen", "no-such-file.wav"),
        ("compare", "no-such.py:a", "no-such.py:b"),
        ("preflight", "no-such.py:a"),
        ("inspect", "--no-such-option"),
        ("inspct",),
        ("inspect", "x", "--kwargs", "3"),
        ("rules", "XYZ999"),
    ],
)
@pytest.mark.parametrize("option", ["-o {}", "--output {}", "--output={}", "-o{}"])
def test_errors_go_into_the_output_file_too(
    auscult: Cli, args: tuple[str, ...], option: str, tmp_path: Path
) -> None:
    target = tmp_path / "report.json"
    target.write_text('{"verdict": "PASS"}')
    ran = auscult(*args, *option.format(target).split())
    envelope = json.loads(target.read_text())
    assert (ran.exit_code, ran.out, envelope["verdict"]) == (2, "", "ERROR")
    assert envelope["error"]["what"] in ran.err
    jsonschema.validate(envelope, schema())


@pytest.mark.parametrize("format", ["text", "junit", "sarif", "github", "html"])
def test_each_format_says_what_the_error_is(auscult: Cli, format: str, tmp_path: Path) -> None:
    target = tmp_path / "report.out"
    ran = auscult("inspect", "no-such-file.pth", "--format", format, "-o", target)
    assert (ran.exit_code, ran.out) == (2, "")
    assert "is no file or folder" in target.read_text()


def test_an_error_leaves_a_file_that_is_no_report(auscult: Cli, file: Path) -> None:
    before = file.read_bytes()
    ran = auscult("convert", "no-such-file.pth", "-o", file)
    assert ran.exit_code == 2
    assert file.read_bytes() == before


def test_debug_shows_the_traceback() -> None:
    ran = process("inspect", "no-such-file.pth", "--debug")
    assert ran.returncode != 0
    assert "Traceback" in ran.stderr


def test_a_defect_of_ours_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    @add_shared_options
    def broken(shared: SharedOptions) -> None:
        run_verb(shared, "broken", (), lambda _progress: Report("x", (), Verdict(str(1 // 0))))

    assert broken.main([], standalone_mode=False) == 2
    assert "stopped by ZeroDivisionError" in capsys.readouterr().err


def test_interrupt_exits_130(monkeypatch: pytest.MonkeyPatch, auscult: Cli, file: Path) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("auscult.verbs.inspect.inspect.inspect", interrupted)
    ran = auscult("inspect", file)
    assert (ran.exit_code, ran.out) == (130, "")
    assert ran.err.strip().endswith("auscult: interrupted")


def test_a_reader_that_goes_away_is_no_error(file: Path) -> None:
    command = f"{sys.executable} -m auscult inspect {file} --format json | head -c 1"
    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{", "")


class TestOutput:
    """Where the report goes."""

    @pytest.mark.parametrize(
        ("formats", "outputs", "plan"),
        [
            ((), (), [("text", None)]),
            (("json",), (), [("json", None)]),
            (("text", "json"), (), [("text", None), ("json", None)]),
            (("json",), ("r.json",), [("json", "r.json")]),
            (("json",), ("r.out",), [("json", "r.out")]),
            ((), ("r.txt",), [("text", "r.txt")]),
            ((), ("r.out",), [("text", "r.out")]),
            ((), ("r.html",), [("text", None), ("html", "r.html")]),
            ((), ("r.json", "r.xml"), [("text", None), ("json", "r.json"), ("junit", "r.xml")]),
            (("text", "html"), ("r.html",), [("text", None), ("html", "r.html")]),
            (("text", "sarif"), ("r.sarif",), [("text", None), ("sarif", "r.sarif")]),
        ],
    )
    def test_plan(
        self, formats: tuple[str, ...], outputs: tuple[str, ...], plan: list[tuple[str, str | None]]
    ) -> None:
        assert SharedOptions(formats=formats, outputs=outputs).plan() == plan

    def test_an_ambiguous_output_is_an_error(self) -> None:
        with pytest.raises(UsageError, match="cannot tell which format"):
            SharedOptions(formats=("text", "json"), outputs=("r.out",)).plan()

    def test_output_is_written_whole(self, auscult: Cli, file: Path, tmp_path: Path) -> None:
        target = tmp_path / "report.json"
        ran = auscult("inspect", file, "--format", "json", "-o", target)
        assert (ran.exit_code, ran.out) == (0, "")
        jsonschema.validate(json.loads(target.read_text()), schema())
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    def test_a_folder_that_is_not_there(self, auscult: Cli, file: Path) -> None:
        ran = auscult("inspect", file, "-o", "no/such/folder/r.txt")
        assert ran.exit_code == 2
        assert "cannot be written: No such file or directory" in ran.err

    def test_a_failed_write_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = tmp_path / "r.txt"
        target.write_text("old")

        def full(*args: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(UsageError, match="No space left"):
            write_text(target, "new")
        assert [path.name for path in tmp_path.iterdir()] == ["r.txt"]
        assert target.read_text() == "old"

    def test_colour_only_on_a_terminal_or_by_request(self, file: Path) -> None:
        assert "\x1b[" not in process("inspect", str(file)).stdout
        assert "\x1b[" in process("inspect", str(file), FORCE_COLOR="1").stdout
        assert "\x1b[" not in process("inspect", str(file), FORCE_COLOR="1", NO_COLOR="1").stdout


def test_no_bar_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    with progress_bar() as progress:
        assert isinstance(progress, ProgressLines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for name in ("CI", "NO_COLOR"):
        monkeypatch.setenv(name, "1")
        with progress_bar() as progress:
            assert isinstance(progress, ProgressLines)
        monkeypatch.delenv(name)
    with progress_bar(quiet=True) as progress:
        assert progress is None
    with progress_bar() as progress:
        assert isinstance(progress, ProgressBar)
        progress(1, 10, "reading")  # within the first second nothing is shown
        assert progress._bar is None


def test_unwatched_work_says_once_a_minute_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("auscult.cli.progress.time.monotonic", lambda: now)
    with progress_bar() as progress:
        assert progress is not None
        for now in (1.0, 59.0, 61.0, 100.0, 122.0):
            progress(int(now), 200, "reading")
    assert capsys.readouterr().err == "auscult: reading, 61 of 200\nauscult: reading, 122 of 200\n"


def test_a_terminal_that_cannot_redraw_gets_neither_bar_nor_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar() as progress:
        assert isinstance(progress, ProgressBar)
    assert is_color_wanted(sys.stderr)
    monkeypatch.setenv("TERM", "dumb")
    with progress_bar() as progress:
        assert isinstance(progress, ProgressLines)
    assert not is_color_wanted(sys.stderr)


def test_a_bar_shows_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("auscult.cli.progress.PATIENCE_SECONDS", 0.0)
    bar = ProgressBar()
    bar(1, 4, "reading")
    bar(2, 4, "reading")
    bar(1, 9, "comparing")
    bar.stop()
    shown = terminal.getvalue()
    assert shown.index("25%") < shown.index("50%") < shown.index("comparing")
    assert "11%" in shown
    assert shown.endswith("\033[A\033[2K")
