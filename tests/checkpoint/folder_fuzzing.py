"""Mutate checkpoints that are folders: the promise of `fuzzing` holds for each of their files.

A format takes part when `tests/checkpoint/folder_samples/` has a module for it with `make(folder, seed)`, which fills an
empty folder; nothing else is needed. A format of several files of which one is given has the name of that one as `OPENED`.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.checkpoint import folder_samples
from tests.checkpoint.fuzzing import mutate

Files = dict[str, bytes]
"""The files of a folder by their paths in it."""


def folder_names() -> list[str]:
    """The formats that have a maker of folders."""
    return sorted(info.name for info in pkgutil.iter_modules(folder_samples.__path__))


def find_opened(name: str, folder: Path) -> Path:
    """What of a sample's folder is given to a reader: the folder, or a file in it."""
    maker = importlib.import_module(f"{folder_samples.__name__}.{name}")
    return folder / str(getattr(maker, "OPENED", ""))


@cache
def sample_folder(name: str, seed: int) -> Files:
    """The files of a small random checkpoint of a format."""
    with tempfile.TemporaryDirectory() as folder:
        importlib.import_module(f"{folder_samples.__name__}.{name}").make(Path(folder), seed)
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file()
        }


def mutate_folder(files: Files, rng: random.Random) -> Files:
    """The folder with one file mutated, or now and then missing."""
    name = rng.choice(sorted(files))
    changed = dict(files)
    if rng.random() < 0.1:
        del changed[name]
    else:
        changed[name] = mutate(files[name], rng)
    return changed


def write_folder(folder: Path, files: Files) -> None:
    """Make the folder hold these files and no others."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
