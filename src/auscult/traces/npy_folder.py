"""A folder of .npy files as a trace, for whoever can write little more than arrays: C++, C#, a
debugger.

A file is called `ORDER__PATH__ROLE.npy`, such as `0007__decoder.ups.0__output.npy`; with `__c2`
before the role for the third call. Order, call and role may be missing (then: the order of the
names, 0, `output`). What the whole model takes and gives is `0000__input.npy` and
`0099__output.npy`. `manifest.json` beside them may hold what the manifest of a trace file holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import CheckpointError, TraceError
from auscult.traces.manifest import manifest_from_json, parse_manifest
from auscult.traces.named_records import iter_described_records
from auscult.traces.records import Trace
from auscult.weights import Array

ROLE_PATTERN = r"(?:input|output)(?:\.[\w.]+)?|noise|op\.[\w.]+"
FILE_NAME_PATTERN = re.compile(
    rf"(?:(?P<order>\d+)__)?(?:(?P<whole>{ROLE_PATTERN})|(?P<path>.*?)(?:__c(?P<call>\d+))?(?:__(?P<role>{ROLE_PATTERN}))?)"
)
MANIFEST_NAME = "manifest.json"


def read_npy_folder(folder: str | os.PathLike[str]) -> Trace:
    """The trace that a folder of .npy files holds; the arrays stay in their files.

    Raises:
        CheckpointError: If there is no such folder, or a file in it is no array of numbers.
        TraceError: If two files mean the same record, or the manifest is damaged.
    """
    folder_path, where = Path(folder), str(folder)
    if not folder_path.is_dir():
        raise CheckpointError(
            "is no folder", where=where, hint="give the folder that holds the .npy files"
        )
    files = sorted(folder_path.glob("*.npy"), key=_rank_file)
    if not files:
        raise CheckpointError("holds no .npy files", where=where)
    manifest = _read_manifest(folder_path / MANIFEST_NAME)
    arrays: dict[str, Array] = {}
    for file in files:
        key = key_from_stem(file.stem)
        if key in arrays:
            raise TraceError("holds two files for one record", where=where, found=file.name)
        arrays[key] = _load_array(file)
    records = tuple(
        record for _, record in iter_described_records(arrays, arrays.__getitem__, manifest, where)
    )
    noise = tuple(record.key for record in records if record.role == "noise")
    trace_manifest = manifest_from_json(
        {"framework": "numpy", "noise": list(noise), **manifest}, where
    )
    return Trace(trace_manifest, records, arrays.__getitem__, where)


def key_from_stem(stem: str) -> str:
    """`path#call:role` from the name of a file without its suffix."""
    matched = FILE_NAME_PATTERN.fullmatch(stem)
    if matched is None:  # the path takes any text
        return f"{stem}#0:output"
    role = matched["whole"] or matched["role"] or "output"
    return f"{matched['path'] or ''}#{int(matched['call'] or 0)}:{re.sub('^op[.]', 'op:', role)}"


def _rank_file(file: Path) -> tuple[Any, ...]:
    """Numbered files by number, the others behind them by name, numbers within names as numbers."""
    matched = FILE_NAME_PATTERN.fullmatch(file.stem)
    number = matched and matched["order"]
    natural = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", file.stem)]
    if number:
        return (0, int(number), file.stem)
    return (1, natural)


def _load_array(file: Path) -> Array:
    try:
        array: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise CheckpointError(
            f"is no .npy array of numbers: {str(error)[:200]}", where=str(file)
        ) from error
    if array.dtype.kind not in "biufc":
        raise CheckpointError("is no array of numbers", where=str(file), found=str(array.dtype))
    return array


def _read_manifest(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        return parse_manifest(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"cannot be read: {error}", where=str(file)) from error
