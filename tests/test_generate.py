"""When a generated page counts as drifted."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from format_table import write_page as write_format_page

from auscult.rules import rule_files

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def generate() -> Any:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = "floor ▁▁▂\n0.75 and 3.1e-03 against 1.2e-07: 5 errors in v0.1.0"


@pytest.mark.parametrize(
    ("new", "same"),
    [
        (PAGE, True),
        (PAGE.replace("1.2e-07", "1.9e-07").replace("▁▁▂", "▁▁▃"), True),
        (PAGE.replace("3.1e-03", "1.9e-03"), True),
        (PAGE.replace("3.1e-03", "3.1e-02"), False),
        (PAGE.replace("3.1e-03", "0.0e+00"), False),
        (PAGE.replace("1.2e-07", "1.2e-06"), True),
        (PAGE.replace("1.2e-07", "0.0e+00"), True),
        (PAGE.replace("1.2e-07", "1.2e-03"), False),
        (PAGE.replace("5 errors", "4 errors"), False),
        (PAGE.replace("against", "for"), False),
        (PAGE.replace("0.1.0", "0.2.0"), False),
    ],
)
def test_figures_of_guides_may_differ_a_little(generate: Any, new: str, same: bool) -> None:
    assert generate.same_page(ROOT / "docs" / "guides" / "port.md", PAGE, new) is same
    assert generate.same_page(ROOT / "README.md", PAGE, new) is (new == PAGE)


def test_a_rule_page_has_the_curve_of_its_evidence(generate: Any) -> None:
    curve: dict[str, Any] = {"cause": "buzz", "evidence": "metadata", "unit": "share of the energy"}
    curve |= {
        "points": [
            {"strength": "0.3", "found": 3, "of": 15, "must": False},
            {"strength": "1", "found": 15, "of": 15, "must": True},
        ]
    }
    table = generate.sensitivity_table(curve)
    assert table.splitlines()[-3:] == ["| 0.3 | **1** |", "| --- | --- |", "| 3 of 15 | 15 of 15 |"]
    pages = {path.name: text for path, text in generate.rule_pages()}
    assert "**Sensitivity.**" in pages["SND010-saturated.md"]
    assert "**Sensitivity.**" not in pages["LAY001-layout-conv1d.md"]


def test_the_index_by_domain_has_every_rule_once(generate: Any) -> None:
    pages = {path.name: text for path, text in generate.index_pages()}
    rows = [line.split("]")[0][3:] for line in pages["by-domain.md"].splitlines() if "| [" in line]
    assert sorted(rows) == sorted(rule_files())
    assert "[SND001](SND001-buzz.md)" in pages["by-sound.md"]


def test_the_page_of_formats_has_a_row_for_each_reader_and_scheme() -> None:
    """A new file in one of the folders is a new row, without a list to edit."""
    page = write_format_page()
    for package in ("formats", "quantised/schemes", "writers"):
        folder = ROOT / "src" / "auscult" / "checkpoint" / package
        modules = [path for path in folder.glob("*.py") if not path.name.startswith("_")]
        for path in modules:
            summary = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
            assert summary.rstrip(".") in page, path
    assert "| `gguf` | GGUF versions 2 and 3, either byte order | gguf 0.19.0, MLX 0.32.4 |" in page
    assert "is a git-LFS pointer, not the file it stands for | run: git lfs install" in page
