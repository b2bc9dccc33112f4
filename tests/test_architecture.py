"""The map names what exists, and every part of the house is on it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_layers import MAY_IMPORT, NOUNS

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
PATH = re.compile(r"`([\w./]+(?:/|\.py|\.md))`")
FROM_THE_ROOT = ("docs/", "tests/", "corpus/", "benchmarks/", "findings/", "src/")


def test_every_path_exists() -> None:
    paths = PATH.findall(TEXT)
    assert len(paths) > 80
    homes = {
        path: ROOT if path.startswith(FROM_THE_ROOT) else ROOT / "src" / "auscult" for path in paths
    }
    assert [path for path, home in homes.items() if not (home / path).exists()] == []


def test_the_figure_is_the_order_of_imports() -> None:
    figure = TEXT.split("```text\n")[1].split("```")[0]
    floors = {"data": -1}
    for floor, row in enumerate(reversed(figure.splitlines())):
        parts = (
            re.split(r" {4,}(?=\S+ \S+ )", row)[0] if floor else row
        )  # without what it says of them
        floors |= dict.fromkeys(parts.split(), floor)
    assert set(MAY_IMPORT) - set(floors) == set()
    wrong = [
        f"{part} imports {below}"
        for part, allowed in MAY_IMPORT.items()
        for below in allowed - NOUNS
        if floors[below] >= floors[part]
    ]
    assert wrong == []


def test_every_folder_is_described() -> None:
    folders = [path.name for path in (ROOT / "src" / "auscult").iterdir() if path.is_dir()]
    assert [
        folder
        for folder in folders
        if folder not in ("__pycache__", "data", "schemas") and f"| `{folder}/` |" not in TEXT
    ] == []
