"""The skill for coding agents names only commands that there are."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from auscult.agents.skill import write_skill_folder
from auscult.cli.main import group, list_verbs
from auscult.errors import UsageError


def test_its_commands_and_options_exist() -> None:
    text = resources.files("auscult.agents").joinpath("SKILL.md").read_text(encoding="utf-8")
    commands = re.findall(r"`auscult (\w+)([^`]*)`", text)
    assert {verb for verb, _ in commands} <= set(list_verbs())
    for verb, rest in commands:
        command = group.get_command(None, verb)  # type: ignore[arg-type]
        assert command is not None
        known_options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= known_options


def test_it_is_written_once(tmp_path: Path) -> None:
    file = write_skill_folder(tmp_path / "skills")
    assert file == tmp_path / "skills" / "auscult" / "SKILL.md"
    assert file.read_text().startswith("---\nname: auscult\n")
    with pytest.raises(UsageError, match="there already"):
        write_skill_folder(tmp_path / "skills")
