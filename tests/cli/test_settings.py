"""Defaults of options from a project file and from the environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest

from auscult.cli.common import add_shared_options
from auscult.cli.settings import VARIABLES_FOR_ALL
from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of weights, in a project whose settings stand one level above."""
    folder = tmp_path / "work"
    folder.mkdir()
    noise = np.random.default_rng(0).standard_normal((4, 8, 3)).astype(np.float32)
    np.savez(folder / "model.npz", conv=noise)
    monkeypatch.chdir(folder)
    return tmp_path / "pyproject.toml"


def test_settings_of_a_verb_are_defaults(auscult: Cli, project: Path) -> None:
    project.write_text('[tool.auscult.inspect]\nformat = ["json"]\n')
    assert json.loads(auscult("inspect", "model.npz").out)["command"] == "inspect"


def test_settings_for_all_verbs_reach_those_that_have_the_option(
    auscult: Cli, project: Path
) -> None:
    project.write_text('[tool.auscult]\nformat = ["json"]\nhop = 256\n')
    assert json.loads(auscult("inspect", "model.npz").out)["command"] == "inspect"


def test_the_command_line_goes_before_a_variable_and_a_variable_before_the_file(
    auscult: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_text('[tool.auscult.inspect]\nformat = ["text"]\n')
    monkeypatch.setenv("AUSCULT_FORMAT", "json")
    assert auscult("inspect", "model.npz").out.startswith("{")
    monkeypatch.setenv("AUSCULT_INSPECT_FORMAT", "sarif")
    assert "sarif" in auscult("inspect", "model.npz").out
    assert auscult("inspect", "model.npz", "--format", "text").out.startswith("PASS")


def test_a_variable_without_a_verb_sets_only_what_every_verb_has(
    auscult: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script's own AUSCULT_AUDIO names a folder; `diagnose --audio` takes a recording."""
    monkeypatch.setenv("AUSCULT_AUDIO", str(project.parent))
    assert auscult("diagnose", "model.npz").exit_code != 2
    monkeypatch.setenv("AUSCULT_DIAGNOSE_AUDIO", str(project.parent))
    assert "--audio" in auscult("diagnose", "model.npz").err


def test_every_verb_has_the_options_of_variables_for_all() -> None:
    @add_shared_options
    def probe(**_options: object) -> None: ...

    options = click.command()(probe).params
    names = {name.lstrip("-") for option in options for name in option.opts if name[:2] == "--"}
    assert names == VARIABLES_FOR_ALL


def test_a_file_of_settings_can_be_named(auscult: Cli, project: Path) -> None:
    named = project.with_name("other.toml")
    named.write_text('[tool.auscult.inspect]\nformat = ["json"]\n')
    assert auscult("--settings", str(named), "inspect", "model.npz").out.startswith("{")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.auscult.inspect]\nhopp = 3\n", "does not have"),
        ("[tool.auscult\n", "cannot be read as settings"),
        ('[tool.auscult.inspect]\nformat = ["pdf"]\n', "pdf"),
    ],
)
def test_wrong_settings_are_refused(auscult: Cli, project: Path, text: str, message: str) -> None:
    project.write_text(text)
    ran = auscult("inspect", "model.npz")
    assert ran.exit_code == 2
    assert message in ran.err


def test_a_project_without_settings_changes_nothing(auscult: Cli, project: Path) -> None:
    project.write_text("[tool.other]\nformat = 3\n")
    assert auscult("inspect", "model.npz").out.startswith("PASS")
