"""The pytest plugin: fixtures that hold a port to its reference, and the reports of what they found.

Fixtures: `parity(reference, candidate, inputs, ...)`, `same_weights(reference, candidate, ...)`, `invariant(model, inputs, ...)`,
`sound(recording, reference, ...)`, `golden_trace(path, make)`.
Marker: `@pytest.mark.auscult(floor=1e-3, allow=["gelu-variant"])` sets arguments of the fixtures for one test or class.
Options: `--auscult-report DIR`, `--auscult-format FORMAT`, `--auscult-update`.

pytest loads this in every session where auscult is installed, so that nothing else is imported before a fixture is asked for.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from auscult.traces.records import Trace
    from auscult.verdict import Report

CheckFunction = Callable[..., "Report"]
REPORT_SUFFIXES = {"junit": "xml", "markdown": "md", "github": "txt", "text": "txt"}
FAILED_REPORTS = pytest.StashKey[list["Report"]]()
"""Reports of the checks that failed in a test."""
WRITTEN_COUNT = pytest.StashKey[int]()
"""How many reports of a test were written."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin, and the ini names of the same."""
    group = parser.getgroup("auscult", "hold a port to its reference")
    group.addoption(
        "--auscult-report",
        metavar="DIR",
        default=None,
        help="write the report of every check that fails into this folder",
    )
    group.addoption(
        "--auscult-report-all", action="store_true", help="and those of the checks that pass"
    )
    group.addoption(
        "--auscult-format",
        action="append",
        choices=("json", "html", "sarif", "junit", "github", "markdown", "text"),
        help="format of these reports; repeatable. Default: json.",
    )
    group.addoption(
        "--auscult-update",
        action="store_true",
        help="make golden traces anew instead of reading them",
    )
    parser.addini(
        "auscult_floor", "relative error that `parity` allows, instead of the measured floor"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "auscult(**arguments): of the fixtures of auscult, for this test",
    )


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> CheckFunction:
    """`auscult.testing.assert_parity` with the arguments of the marker; its report is kept."""
    from auscult.testing import assert_parity

    floor = request.config.getini("auscult_floor")
    return _bind_check(request, assert_parity, {"floor": float(floor)} if floor else {})


@pytest.fixture
def same_weights(request: pytest.FixtureRequest) -> CheckFunction:
    """`auscult.testing.assert_same_weights` with the arguments of the marker; its report is kept."""
    from auscult.testing import assert_same_weights

    return _bind_check(request, assert_same_weights, {})


@pytest.fixture
def invariant(request: pytest.FixtureRequest) -> CheckFunction:
    """`auscult.testing.assert_invariant` with the arguments of the marker; its report is kept."""
    from auscult.testing import assert_invariant

    return _bind_check(request, assert_invariant, {})


@pytest.fixture
def sound(request: pytest.FixtureRequest) -> CheckFunction:
    """`auscult.testing.assert_sound` with the arguments of the marker; its report is kept."""
    from auscult.testing import assert_sound

    return _bind_check(request, assert_sound, {})


@pytest.fixture
def golden_trace(
    request: pytest.FixtureRequest,
) -> Callable[[str | os.PathLike[str], Callable[[], Trace]], Trace]:
    """The reference's trace from a file beside the test, so that its framework is needed only to make it.

    `golden_trace("generator.safetensors", make)` reads the file; with `--auscult-update` it calls `make()`, which gives a
    Trace, and writes it.
    """

    def read_golden_trace(path: str | os.PathLike[str], make: Callable[[], Trace]) -> Trace:
        from auscult.traces.file import read_trace, write_trace

        file = request.path.parent / path
        if request.config.getoption("auscult_update"):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_trace(make(), file, force=True)
        if not file.exists():
            pytest.fail(
                f"no golden trace {file}: run pytest --auscult-update once, where the reference can run",
                pytrace=False,
            )
        return read_trace(file)

    return read_golden_trace


def _bind_check(
    request: pytest.FixtureRequest, check: CheckFunction, arguments: dict[str, Any]
) -> CheckFunction:
    parameters = inspect.signature(check).parameters
    for marker in reversed(list(request.node.iter_markers("auscult"))):
        arguments |= {name: value for name, value in marker.kwargs.items() if name in parameters}

    def call_check(*args: Any, **kwargs: Any) -> Report:
        __tracebackhide__ = True
        from auscult.testing import Divergence

        try:
            report = check(*args, **{**arguments, **kwargs})
        except Divergence as divergence:
            _keep_report(request, divergence.report, passed=False)
            raise
        _keep_report(request, report, passed=True)
        return report

    return call_check


def _keep_report(request: pytest.FixtureRequest, report: Report, *, passed: bool) -> None:
    """Note the report, and write it where that was asked for."""
    item, config = request.node, request.config
    causes = ",".join(dict.fromkeys(finding.cause for finding in report.findings))
    item.user_properties += [("auscult_verdict", report.verdict.value), ("auscult_causes", causes)]
    if not passed:
        item.stash.setdefault(FAILED_REPORTS, []).append(report)
    folder = config.getoption("auscult_report")
    if folder is None or (passed and not config.getoption("auscult_report_all")):
        return
    from auscult.report._formats import render_report, write_text

    number = item.stash[WRITTEN_COUNT] = item.stash.get(WRITTEN_COUNT, 0) + 1
    name = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-") + (f"-{number}" if number > 1 else "")
    report_folder = Path(config.rootpath, folder)
    report_folder.mkdir(parents=True, exist_ok=True)
    for format in config.getoption("auscult_format") or ["json"]:
        file = report_folder / f"{name}.{REPORT_SUFFIXES.get(format, format)}"
        write_text(file, render_report(report, format))
        item.user_properties.append(("auscult_report", str(file)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Hand the annotations of failed checks on with the test's report, which also travels from worker to controller."""
    outcome: Any = yield
    report = outcome.get_result()
    failed_reports = item.stash.get(FAILED_REPORTS, [])
    if report.when == "call" and failed_reports and os.environ.get("GITHUB_ACTIONS") == "true":
        from auscult.report.github import render

        report.auscult_annotations = [render(failed_report) for failed_report in failed_reports]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """On GitHub, annotations of what failed; everywhere, where the reports are."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    for report in reports:
        for text in getattr(report, "auscult_annotations", ()):
            terminalreporter.ensure_newline()
            terminalreporter.write_line(text)
    folder = config.getoption("auscult_report")
    if folder is not None and any(
        "auscult_report" in dict(getattr(report, "user_properties", ())) for report in reports
    ):
        terminalreporter.write_line(f"auscult: reports are in {folder}")
