"""What starting costs: no framework, few packages, little time."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import auscult
from tests.conftest import FRAMEWORKS

HEAVY = ("scipy", "rich", "soundfile", "soxr", "ml_dtypes", "safetensors")
MAX_IMPORT_SECONDS = 0.15


def modules_after(code: str) -> set[str]:
    """Top-level packages in `sys.modules` after a fresh interpreter ran the code."""
    tail = "\nimport sys; print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    ran = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.splitlines()[-1].split())


def command(*args: str) -> str:
    return f"from auscult.cli.main import run_command_line\nrun_command_line({list(args)!r})"


def test_import_auscult_imports_nothing_else() -> None:
    assert modules_after("import auscult") & {*FRAMEWORKS, *HEAVY, "numpy", "click"} == set()


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("inspect", "--help"), ("inspct",)])
def test_help_and_version_import_no_numpy(args: tuple[str, ...]) -> None:
    assert modules_after(command(*args)) & {*FRAMEWORKS, *HEAVY, "numpy"} == set()


def test_inspect_imports_no_framework_and_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"conv.weight": np.ones((4, 3, 2), np.float32), "half": np.ones(3, np.float16)}, path)
    assert modules_after(command("inspect", str(path))) & {*FRAMEWORKS, *HEAVY, "numpy"} == set()


def test_inspect_of_a_torch_file_imports_no_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.pth"
    torch.save({"generator": {"conv.weight": torch.ones(4, 3, 2)}, "epoch": 3}, path)
    assert modules_after(command("inspect", str(path))) & {*FRAMEWORKS, *HEAVY, "numpy"} == set()


def test_the_library_imports_no_framework() -> None:
    names = "import auscult\nfor name in auscult.__all__: getattr(auscult, name)"
    assert (
        modules_after(names)
        & {"torch", "mlx", "onnx", "onnxruntime", "ai_edge_litert", "transformers", "jinja2"}
        == set()
    )


def test_importing_takes_little_time_on_top_of_numpy() -> None:
    """The whole public API, not only the lazy package: best of five in processor time, after numpy in the same interpreter."""
    code = """
import time, numpy
start = time.process_time()
import auscult
auscult.inspect, auscult.diff, auscult.Checkpoint, auscult.open
print(time.process_time() - start)
"""
    lazy = "import time, numpy\nstart = time.process_time()\nimport auscult\nprint(time.process_time() - start)"
    best = {
        name: min(_seconds(text) for _ in range(5))
        for name, text in (("lazy", lazy), ("used", code))
    }
    assert best["lazy"] < MAX_IMPORT_SECONDS
    assert best["used"] < 2 * MAX_IMPORT_SECONDS


def _seconds(code: str) -> float:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(ran.stdout)


def test_version_is_quick() -> None:
    bare = min(_processor_seconds("-c", "pass") for _ in range(3))
    assert min(_processor_seconds("-m", "auscult", "--version") for _ in range(3)) < bare + 0.3


def _processor_seconds(*args: str) -> float:
    """User and system time of a Python process: wall time would measure what else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *args], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_type_checker_sees_every_public_name() -> None:
    tree = ast.parse(Path(auscult.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == set(auscult.__all__)
