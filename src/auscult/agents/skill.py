"""The skill for coding agents: a folder with one page that says when to run which verb."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from auscult.errors import UsageError
from auscult.facts.atomic import replace_file


def write_skill_folder(folder: Path) -> Path:
    """Write `auscult/SKILL.md` into a folder of skills; gives the new file.

    Raises:
        UsageError: If it is there already, or the folder cannot be written.
    """
    file = folder / "auscult" / "SKILL.md"
    if file.exists():
        raise UsageError(
            "is there already", where=str(file), hint="remove it, or choose another folder"
        )
    text = resources.files("auscult.agents").joinpath("SKILL.md").read_text(encoding="utf-8")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(file) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(file)) from error
    return file
