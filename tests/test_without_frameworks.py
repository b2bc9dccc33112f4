"""The core's own tests in an environment in which no optional package can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FRAMEWORKS

ROOT = Path(__file__).parent.parent

CHOSEN = {
    "tests/checkpoint": 100,
    "tests/recipe": 40,
    "tests/align": 100,
    "tests/rules": 100,
    "tests/verbs/test_inspect.py": 20,
    "tests/cli/test_inspect.py": 4,
}
"""What is run, and how many tests have to pass in it at least."""
LEFT_OUT = ("fuzz", "mutat", "hypothesis", "promise", "trained_looking", "initialised")
"""Long tests, which say nothing about frameworks."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUSCULT_WITHOUT_FRAMEWORKS": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.skipif(bool(os.environ.get("AUSCULT_WITHOUT_FRAMEWORKS")), reason="this is that run")
@pytest.mark.parametrize(("chosen", "min_tests"), CHOSEN.items())
def test_the_core_works_without_any_framework(chosen: str, min_tests: int) -> None:
    expression = " and ".join(f"not {word}" for word in LEFT_OUT)
    ran = run(
        "-m",
        "pytest",
        chosen,
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-k",
        expression,
        "-m",
        "not slow",
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    passed = int(ran.stdout.rsplit(" passed", 1)[0].split()[-1])
    assert passed >= min_tests, ran.stdout[-500:]


def test_the_refusal_refuses(tmp_path: Path) -> None:
    code = "import tests.conftest, importlib\n" + "\n".join(
        f"try: importlib.import_module({name!r}); print('imported', {name!r})\nexcept ModuleNotFoundError: pass"
        for name in FRAMEWORKS
    )
    script = tmp_path / "someone_elses.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}\n")
    ran = run(str(script))
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr
