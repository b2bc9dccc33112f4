"""What a message tells people to install is this project, with extras that it has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from auscult.facts.install import DISTRIBUTION, format_install_command

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_name_is_the_project_s() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    assert DISTRIBUTION in PROJECT["scripts"]  # `uvx NAME` runs the script of that name
    assert format_install_command("torch", "html") == "pip install 'auscult-audio[torch,html]'"


def test_every_extra_that_is_named_exists() -> None:
    named_extras: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text()
        for extras in re.findall(r"format_install_command\(([^)]*)\)", text):
            named_extras.update(re.findall(r"[\"']([a-z0-9-]+)[\"']", extras))
        for extras in re.findall(rf"{DISTRIBUTION}\[([a-z0-9,-]+)\]", text):
            named_extras.update(extras.split(","))
    assert {"torch", "html"} <= named_extras
    assert named_extras <= set(PROJECT["optional-dependencies"])


def test_nothing_installs_the_package_of_somebody_else() -> None:
    texts = [*(ROOT / "src").rglob("*.py"), ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    offending_files = [
        str(path.relative_to(ROOT))
        for path in texts
        if re.search(
            r"(pip|pipx|uv) +(install|tool install) +['\"]?auscult(?![-\w/.])", path.read_text()
        )
    ]
    assert not offending_files
