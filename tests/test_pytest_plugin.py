"""The pytest plugin in sessions of its own: fixtures, marker, options, and what a failing port looks like."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path

import pytest

from auscult.testing import Divergence, assert_parity

pytest.importorskip("torch")
pytest.importorskip("mlx.core")
pytest_plugins = ["pytester"]

PORT = """
import pytest
from auscult.runtime.capture_run import capture
from tests.traced_ports import SIGNAL, Net

def good(parity):
    parity(Net(), Net(), SIGNAL)

def wrong(parity):
    parity(Net(), Net(shortcuts=(True, False)), SIGNAL)

@pytest.mark.auscult(allow=["residual-missing"])
def allowed(parity):
    parity(Net(), Net(shortcuts=(True, False)), SIGNAL)

def chunked(invariant):
    from tests.properties.checked_networks import ConvVocoder
    import numpy
    mel = numpy.random.default_rng(5).standard_normal((1, 8, 32)).astype("float32")
    invariant(ConvVocoder().eval(), mel, only=["determinism"])
    invariant(ConvVocoder(dropout=0.5).eval(), mel, only=["determinism"])

def silent(sound):
    import numpy
    silence = numpy.zeros(16000, "float32")
    sound((silence, 16000))

def golden(parity, golden_trace):
    reference = golden_trace("golden/net.safetensors", lambda: capture(Net(), {"input": SIGNAL}))
    parity(reference, Net(), strict=True)
"""
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported() -> None:
    """A session inside this one forgets what it imports; numpy, torch and MLX cannot be initialised a second time."""
    from tests.traced_ports import SIGNAL, Net

    with pytest.raises(Divergence):
        assert_parity(Net(), Net(shortcuts=(True, False)), SIGNAL)


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with test_port.py, of which each function is a test of the name `test_NAME`."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}\n")
    pytester.makepyfile(test_port=PORT.replace("def ", "def test_"))
    return pytester


def run(session: pytest.Pytester, *words: str) -> pytest.RunResult:
    return session.runpytest_inprocess("-p", "no:cacheprovider", *words)


def test_the_entry_point_is_installed() -> None:
    points = importlib.metadata.entry_points(group="pytest11", name="auscult")
    assert [point.value for point in points] == ["auscult.pytest_plugin"]


def test_a_right_port_passes_and_a_wrong_one_fails_with_the_diagnosis(
    session: pytest.Pytester,
) -> None:
    result = run(session, "-k", "good or wrong or allowed")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*parity(Net(), Net(shortcuts=(True, False)), SIGNAL)",
            "E *Divergence: the candidate does not compute what the reference computes",
            "E *DIVERGENT  *",
            "E *first divergence  output of decoder, error *",
            "E *error   residual-missing (PAR026): *",
            "E *  decoder",
        ]
    )
    result.stdout.no_fnmatch_line("*def assert_parity*")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("chunked", "the model does not agree with itself"),
        ("silent", "the recording has a defect"),
    ],
)
def test_models_and_recordings_fail_with_the_diagnosis(
    session: pytest.Pytester, name: str, title: str
) -> None:
    result = run(session, "-k", name, "--auscult-report", "found")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *Divergence: {title}", "E *DIVERGENT  *"])
    reports = sorted(path.name for path in (session.path / "found").iterdir())
    assert reports[-1].startswith(f"test_port.py-test_{name}")


def test_reports_are_written_where_asked_for(session: pytest.Pytester) -> None:
    formats = [word for name in ("json", "sarif", "junit") for word in ("--auscult-format", name)]
    result = run(session, "-k", "good or wrong", "--auscult-report", "found", *formats)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["auscult: reports are in found"])
    names = sorted(path.name for path in (session.path / "found").iterdir())
    assert names == [f"test_port.py-test_wrong.{suffix}" for suffix in ("json", "sarif", "xml")]
    assert (
        json.loads((session.path / "found" / names[0]).read_text())["first_divergence"]["a"]
        == "decoder"
    )
    run(session, "-k", "good", "--auscult-report", "all", "--auscult-report-all").assert_outcomes(
        passed=1
    )
    assert [path.name for path in (session.path / "all").iterdir()] == [
        "test_port.py-test_good.json"
    ]


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "1"), marks=pytest.mark.slow)])
def test_github_gets_annotations(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run(session, "-k", "good or wrong", *workers)
    result.stdout.fnmatch_lines(
        ["::error title=PAR026 residual-missing::decoder: *", "auscult compare: DIVERGENT"]
    )


def test_the_junit_file_of_pytest_knows_verdict_and_causes(session: pytest.Pytester) -> None:
    run(session, "-k", "wrong", "--junitxml", "junit.xml")
    text = (session.path / "junit.xml").read_text()
    assert '<property name="auscult_verdict" value="DIVERGENT"' in text
    assert '<property name="auscult_causes" value="residual-missing"' in text


def test_a_golden_trace_is_made_once_and_read_afterwards(session: pytest.Pytester) -> None:
    result = run(session, "-k", "golden")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*no golden trace *net.safetensors: run pytest --auscult-update once*"]
    )
    run(session, "-k", "golden", "--auscult-update").assert_outcomes(passed=1)
    written = session.path / "golden" / "net.safetensors"
    before = written.stat().st_mtime_ns
    run(session, "-k", "golden").assert_outcomes(passed=1)
    assert written.stat().st_mtime_ns == before
    shutil.rmtree(written.parent)
    run(session, "-k", "golden").assert_outcomes(failed=1)


def test_a_floor_from_the_ini_file(session: pytest.Pytester) -> None:
    session.makeini(f"[pytest]\npythonpath = {ROOT}\nauscult_floor = 0.9\n")
    run(session, "-k", "wrong").assert_outcomes(passed=1)
