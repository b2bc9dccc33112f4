"""The worked examples of CONTRIBUTING.md work: their files are put in place in a copy of the package, and their tests run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = re.compile(r"```python file=(?P<file>\S+)\n(?P<code>.*?)```", re.DOTALL)
READ_A_SAMPLE = """
from pathlib import Path
import sys
from auscult.checkpoint import open_checkpoint
from tests.checkpoint.samples.wts import make
path = Path(sys.argv[1]) / "sample.wts"
make(path, 0)
found = open_checkpoint(path)
assert found.format == "wts", found.format
assert list(found) == ["conv.weight"], list(found)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its tests, with the examples added."""
    folder = tmp_path_factory.mktemp("contributing")
    leave_out = shutil.ignore_patterns("__pycache__", "*.pth")
    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=leave_out)
    for example in EXAMPLE.finditer((ROOT / "CONTRIBUTING.md").read_text()):
        file = folder / example["file"]
        assert not file.exists(), f"{example['file']} is no longer an example"
        file.write_text(example["code"])
    return folder


def run(copy: Path, *command: str) -> None:
    environment = os.environ | {
        "PYTHONPATH": f"{copy / 'src'}:{copy}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_rule_passes_its_own_test(copy: Path) -> None:
    run(
        copy,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "-q",
        "tests/rules/test_subnormal.py",
    )


def test_the_example_format_reads_its_sample(copy: Path, tmp_path: Path) -> None:
    run(copy, "-c", READ_A_SAMPLE, str(tmp_path))
