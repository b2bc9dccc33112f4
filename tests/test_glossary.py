"""The glossary names what exists, and no two public classes share a name."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.parsed_sources import list_nodes

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "auscult"
ROW = re.compile(
    r"^\| (?P<word>[^|]+?) \| [^|]+ \| `(?P<name>[\w.]+)` \| `(?P<file>[\w/]+\.py)` \|$",
    re.MULTILINE,
)
WORDS = {
    match["word"]: (match["file"], match["name"])
    for match in ROW.finditer((ROOT / "docs/glossary.md").read_text())
}

TWINS = {
    "NoiseRecorder": "one for each framework, with the same interface: torch and MLX",
}
"""Class names that stand for several classes on purpose, and why."""


def resolve(file: str, name: str) -> Any:
    """The class of that file, or its attribute; a field without a default counts as its dataclass's own."""
    module = "auscult." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    class_name, *attributes = name.split(".")
    thing: Any = getattr(importlib.import_module(module), class_name)
    assert thing.__module__ == module, f"{class_name} is only imported in {file}"
    for attribute in attributes:
        if is_dataclass(thing) and attribute in {field.name for field in fields(thing)}:
            continue
        thing = getattr(thing, attribute)
    return thing


@pytest.mark.parametrize("word", WORDS)
def test_what_the_glossary_names_exists(word: str) -> None:
    file, name = WORDS[word]
    assert resolve(file, name) is not None


def test_a_name_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(AttributeError):
        resolve("finding.py", "Finding.no_such_field")


def test_every_row_is_read() -> None:
    rows = [
        line
        for line in (ROOT / "docs/glossary.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| word ")
    ]
    assert len(WORDS) == len(rows)


def test_one_class_one_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        if place.parts[0] == "families":
            continue
        for node in list_nodes(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(place))
    shared = {name: places for name, places in homes.items() if len(places) > 1}
    assert set(shared) == set(TWINS), shared
