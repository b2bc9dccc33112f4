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
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
EXAMPLE = re.compile(
    r"^(?P<fence>`{3,})python file=(?P<file>\S+)\n(?P<code>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)
SECTIONS = {
    section.partition("\n")[0]: [match["file"] for match in EXAMPLE.finditer(section)]
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)
    if EXAMPLE.search(section)
}
COUNTS = {"Two": 2, "Three": 3, "Five": 5}
FINDS_BY_FOLDER = (
    "tests/rules/test_rules.py",
    "tests/cli/test_rules.py",
    "tests/families/test_sizes.py",
    "tests/explain/mistakes/test_pages.py",
    "tests/test_mirror.py",
)
"""Tests that hold for whatever lies in a folder, and so for the examples too."""
READ_A_SAMPLE = """
from pathlib import Path
import sys
from auscult.checkpoint import open_checkpoint
from tests.checkpoint.samples.wts import make
path = Path(sys.argv[1]) / "sample.wts"
make(path, 0)
checkpoint = open_checkpoint(path)
assert checkpoint.format == "wts", checkpoint.format
assert list(checkpoint) == ["conv.weight"], list(checkpoint)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its tests, with the examples added."""
    folder = tmp_path_factory.mktemp("contributing")
    leave_out = shutil.ignore_patterns("__pycache__", "*.pth")
    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=leave_out)
    for example in EXAMPLE.finditer(TEXT):
        file = folder / example["file"]
        assert not file.exists(), f"{example['file']} is no longer an example"
        file.parent.mkdir(exist_ok=True)
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


def run_tests(copy: Path, *files: str) -> None:
    run(copy, "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=importlib", "-q", *files)


def test_every_kind_has_its_example() -> None:
    assert list(SECTIONS) == [
        "Add a checkpoint rule",
        "Add a sound rule",
        "Add a mistake",
        "Add a file format",
        "Add a family",
        "Add a runtime",
    ]


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_names_every_file(title: str) -> None:
    section = TEXT.split(f"## {title}\n")[1]
    number = section.split()[0]
    assert COUNTS[number] == len(SECTIONS[title])


def test_the_examples_pass_their_own_tests(copy: Path) -> None:
    files = [file for section in SECTIONS.values() for file in section]
    run_tests(copy, *(file for file in files if Path(file).name.startswith("test_")))


def test_the_examples_pass_what_holds_for_every_such_file(copy: Path) -> None:
    run_tests(copy, *FINDS_BY_FOLDER)


def test_the_example_format_reads_or_refuses_a_damaged_sample(copy: Path) -> None:
    run_tests(copy, "tests/checkpoint/test_fuzzing.py", "-k", "wts")


def test_the_example_format_reads_its_sample(copy: Path, tmp_path: Path) -> None:
    run(copy, "-c", READ_A_SAMPLE, str(tmp_path))
