"""Tests lie where the code does: every module of these packages has a test file of its own.

`src/auscult/traces/file.py` is tested in `tests/traces/test_file.py`, beside the tests that go through the verbs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parsed_sources import list_nodes

ROOT = Path(__file__).parent
SOURCE = ROOT.parent / "src" / "auscult"
MIRRORED = ("comparison", "explain", "runtime", "traces")


def iter_modules(package: str) -> Iterator[Path]:
    for path in sorted((SOURCE / package).rglob("*.py")):
        module = path.relative_to(SOURCE)
        if path.stem != "__init__":
            yield module


def locate_test(module: Path) -> Path:
    return ROOT / module.parent / f"test_{module.stem}.py"


@pytest.mark.parametrize("package", MIRRORED)
def test_every_module_has_a_test_file(package: str) -> None:
    modules = list(iter_modules(package))
    assert modules
    missing = [str(module) for module in modules if not locate_test(module).is_file()]
    assert missing == []


@pytest.mark.parametrize("package", MIRRORED)
def test_every_test_file_holds_a_test(package: str) -> None:
    empty = []
    for path in sorted((ROOT / package).rglob("test_*.py")):
        functions = [node for node in list_nodes(path) if isinstance(node, ast.FunctionDef)]
        if not any(node.name.startswith("test_") for node in functions):
            empty.append(str(path.relative_to(ROOT)))
    assert empty == []
