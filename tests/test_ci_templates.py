"""The GitHub Action and the GitLab template: the scripts in them are run on a sick and on a healthy checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """healthy.safetensors, and sick.safetensors with a NaN."""
    weight = np.random.default_rng(0).standard_normal((8, 4, 3)).astype(np.float32)
    save_file({"conv.weight": weight}, tmp_path / "healthy.safetensors")
    weight[2, 1, 0] = np.nan
    save_file({"conv.weight": weight}, tmp_path / "sick.safetensors")
    return tmp_path


def run_script(folder: Path, script: str, **variables: str) -> int:
    """Run a script of a template with this interpreter as its `python`; gives its exit status."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **variables}
    words = ["bash", "-e", "-c", script.replace("python ", f"'{sys.executable}' ")]
    return subprocess.run(words, cwd=folder, env=environment, check=False).returncode


def find_action_script() -> str:
    action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return str(next(step["run"] for step in action["runs"]["steps"] if step.get("id") == "run"))


@pytest.mark.parametrize(
    ("name", "fail_on", "code"), [("healthy", "", 0), ("sick", "", 1), ("sick", "never", 0)]
)
def test_the_action_hands_on_the_exit_code_and_writes_the_reports(
    folder: Path, name: str, fail_on: str, code: int
) -> None:
    outputs = folder / "outputs"
    status = run_script(
        folder,
        find_action_script(),
        COMMAND=f"inspect {name}.safetensors",
        FAIL_ON=fail_on,
        GITHUB_OUTPUT=str(outputs),
    )
    assert (status, outputs.read_text()) == (0, f"exit-code={code}\n")
    assert json.loads((folder / "auscult.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((folder / "auscult.json").read_text())["command"] == "inspect"
    assert (folder / "auscult.xml").read_text().startswith("<?xml")


def test_an_input_of_the_action_is_no_script(folder: Path) -> None:
    command = 'inspect healthy.safetensors "; touch broken" $(touch broken)'
    outputs = folder / "outputs"
    run_script(
        folder, find_action_script(), COMMAND=command, FAIL_ON="", GITHUB_OUTPUT=str(outputs)
    )
    assert outputs.read_text() == "exit-code=2\n"
    assert not (folder / "broken").exists()


def test_the_gitlab_job_fails_with_the_reports_written(folder: Path) -> None:
    job = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text())[".auscult"]
    (script,) = job["script"]
    assert run_script(folder, script, AUSCULT_RUN="inspect sick.safetensors") == 1
    assert (folder / job["artifacts"]["reports"]["junit"]).read_text().startswith("<?xml")
    assert json.loads((folder / "auscult.sarif").read_text())["runs"][0]["results"]
