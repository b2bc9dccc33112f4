"""The pages of the documentation site, before they are built."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from auscult.cli.main import list_verbs

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, gathered in a folder of the test's own."""
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "docs" / "build_site.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("site")
    module.gather_pages(folder)
    return folder


def test_every_entry_of_the_navigation_is_a_page(pages: Path) -> None:
    entries = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert len(entries) > 20
    assert [entry for entry in entries if not (pages / entry).exists()] == []


def test_every_guide_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    guides = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/guides").glob("*.md")]
    assert [guide for guide in guides if guide not in navigation] == []


def test_every_command_has_its_help(pages: Path) -> None:
    text = (pages / "api" / "command-line.md").read_text()
    assert [verb for verb in list_verbs() if f"## `auscult {verb}`" not in text] == []


def test_every_public_function_is_in_the_reference(pages: Path) -> None:
    functions = (pages / "api" / "functions.md").read_text()
    for verb in ("compare", "convert", "diagnose", "diff", "inspect", "listen", "mel", "preflight"):
        assert re.search(rf"^::: auscult\.\S+\.{verb}$", functions, re.MULTILINE), verb
