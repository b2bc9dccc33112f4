"""Scripts about other libraries keep to their form; they are run by hand, for they install packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from findings_page import FOLDER, read_scripts, write_page

SCRIPTS = sorted(FOLDER.glob("*.sh"))
PINNED = re.compile(r'"(?P<package>[\w.-]+)==(?P<version>[\w.]+)"')


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_the_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0] == "#!/bin/sh"
    assert "auscult" not in text
    assert "set -eu\nfolder=$(mktemp -d)\ntrap 'rm -rf \"$folder\"' EXIT\n" in text
    install = next(line for line in lines if "-m pip install" in line)
    assert '--target "$folder"' in install
    pinned = {match["package"]: match["version"] for match in PINNED.finditer(install)}
    assert pinned
    package, version = (
        lines[1].removeprefix("# ").split(maxsplit=1)[0],
        lines[1].split()[2].strip(","),
    )
    assert pinned[package] == version
    assert "\n# Behaviour:" in text
    assert "\n# Seen" in text
    assert re.search(r"^\s*assert .+, \"", text, re.MULTILINE), "it never fails"


def test_the_page_has_each_script() -> None:
    page = write_page()
    scripts = list(read_scripts())
    assert len(scripts) == len(SCRIPTS) > 3
    for script in scripts:
        assert f"## {script.title}\n" in page
        assert f"`findings/{script.name}.sh`" in page
        assert sum(part.startswith(("Behaviour:", "Seen")) for part in script.paragraphs) == 2
