"""The pre-commit hook: which files it takes, and how it ends."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parent.parent


def hook() -> dict[str, str]:
    """The one hook of the manifest, which is flat."""
    lines = (ROOT / ".pre-commit-hooks.yaml").read_text().splitlines()
    fields = [
        line.lstrip("- ").partition(": ") for line in lines if line and not line.startswith("#")
    ]
    return {name: value.strip("'") for name, _, value in fields}


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """The hook's entry as pre-commit calls it."""
    command = [sys.executable, *hook()["entry"].split()[1:], *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    path = tmp_path / "healthy.safetensors"
    save_file(
        {"conv.weight": np.random.default_rng(0).standard_normal((8, 4, 3)).astype(np.float32)},
        path,
    )
    return path


@pytest.fixture
def sick(tmp_path: Path) -> Path:
    path = tmp_path / "sick.safetensors"
    weight = np.random.default_rng(0).standard_normal((8, 4, 3)).astype(np.float32)
    weight[2, 1, 0] = np.nan
    save_file({"conv.weight": weight}, path)
    return path


def test_the_manifest_is_what_pre_commit_asks_for() -> None:
    assert {"id", "name", "entry", "language", "files"} <= set(hook())
    assert hook()["entry"] == "python -m auscult.pre_commit"
    pattern = re.compile(hook()["files"])
    assert all(
        pattern.search(name)
        for name in ("a/g.safetensors", "last.ckpt", "x.onnx", "x.tflite", "w.npz", "m.gguf")
    )
    assert not any(
        pattern.search(name) for name in ("README.md", "npz.py", "x.safetensors.index.json")
    )


def test_healthy_files_are_silent(healthy: Path) -> None:
    done = run(healthy, healthy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_worst_file_decides(healthy: Path, sick: Path, tmp_path: Path) -> None:
    done = run(healthy, sick)
    assert done.returncode == 1
    assert done.stdout.startswith(f"DIVERGENT  {sick}\n")
    assert "non-finite" in done.stdout
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(healthy.read_bytes()[:40])
    done = run(sick, cut)
    assert done.returncode == 2
    assert done.stderr.startswith(f"auscult: {cut}: ")
    assert done.stderr.count("\n") == 1


def test_a_filter_hides_findings_and_fail_on_decides(sick: Path, tmp_path: Path) -> None:
    done = run("--ignore", "CKP050", sick)
    assert done.returncode == 1
    assert "skipped  CKP050 non-finite: left out as asked" in done.stdout
    assert run("--fail-on", "LAY,ARC", sick).returncode == 0
    assert run("--fail-on", "CKP05", sick).returncode == 1
    assert run("--ignore", "XYZ", sick).returncode == 2
    torch = pytest.importorskip("torch")
    dead = tmp_path / "dead.pth"
    weight = torch.randn(8, 4, 3)
    weight[3] = 0
    torch.save({"conv.weight": weight}, dead)
    assert run(dead).returncode == 0
    assert run("--strict", dead).returncode == 1


def test_nothing_is_new_to_a_hook(healthy: Path) -> None:
    ran = run("--fail-on", "new", healthy)
    assert (ran.returncode, "has no earlier report" in ran.stderr) == (2, True)
