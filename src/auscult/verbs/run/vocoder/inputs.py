"""What a vocoder is fed: the mel of a recording, a mel from a file, or units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.runtime.inputs import read_inputs
from auscult.sound.mel_definition import Frames
from auscult.verbs.mel import open_mel


def read_mel(path: str | Path, bands: int, key: str | None = None) -> Frames:
    """A mel from a file, as [bands, frames].

    Raises:
        CheckpointError: If the file cannot be read.
        UsageError: If it holds no mel of as many bands.
    """
    name, values = open_mel(str(path), key)
    frames = np.asarray(values, np.float32)
    frames = frames.reshape([size for size in frames.shape if size > 1] or [1])
    if frames.ndim == 2 and frames.shape[0] != bands and frames.shape[1] == bands:
        frames = frames.T
    if frames.ndim != 2 or frames.shape[0] != bands:
        raise UsageError(
            "does not fit the model",
            where=name,
            expected=f"a mel of {bands} bands",
            found=list(np.shape(values)),
            hint="`auscult mel SOUND MEL` says how it was made",
        )
    return np.ascontiguousarray(frames)


def read_units(path: str | Path) -> NDArray[np.int64]:
    """Units [time] or codes [books, frames] from .npy, .npz, .safetensors, or text with spaces between.

    Raises:
        UsageError: If the file holds no whole numbers.
    """
    file = Path(path)
    if file.suffix.lower() in (".txt", ".unit", ".units", ".km"):
        values = _read_text_units(file)
    else:
        arrays = read_inputs(str(file))
        if len(arrays) != 1:
            raise UsageError(
                "holds several arrays", where=str(path), found=", ".join(arrays), hint="keep one"
            )
        values = next(iter(arrays.values()))
    units = np.asarray(values)
    if units.ndim == 3 and len(units) == 1:
        units = units[0]
    is_whole = units.size > 0 and bool(np.all(units == np.rint(units)))
    if units.ndim not in (1, 2) or not is_whole:
        raise UsageError(
            "holds no units",
            where=str(path),
            expected="whole numbers, [time] or [books, frames]",
            found=f"{units.dtype} {list(units.shape)}",
        )
    return units.astype(np.int64)


def _read_text_units(path: Path) -> NDArray[Any]:
    try:
        return np.array([int(word) for word in path.read_text(encoding="utf-8").split()])
    except (OSError, ValueError) as error:
        raise UsageError(
            "cannot be read as units", where=str(path), found=str(error)[:200]
        ) from error


def check_units(units: NDArray[np.int64], config: Any, where: str) -> NDArray[np.int64]:
    """The units in the axes that the model takes.

    Raises:
        UsageError: If a unit is none of the model's, or there are too many books.
    """
    rows = getattr(config, "units", 0)
    if rows:
        units = units.reshape(-1) if 1 in units.shape else units
        if units.ndim != 1 or units.max() >= rows:
            raise UsageError(
                "does not fit the model",
                where=where,
                expected=f"units [time] below {rows}",
                found=f"{list(units.shape)} up to {units.max()}",
            )
        return units
    from auscult.families.vocos.config import BOOK_SIZE

    books = config.codebook_rows // BOOK_SIZE
    if units.ndim != 2 or len(units) > books or units.min() < 0 or units.max() >= BOOK_SIZE:
        raise UsageError(
            "does not fit the model",
            where=where,
            expected=f"codes [at most {books} books, frames] below {BOOK_SIZE}",
            found=f"{list(units.shape)} up to {units.max()}",
        )
    return units


def read_vectors(files: Sequence[str], config: Any, where: str) -> dict[str, NDArray[np.float32]]:
    """Further inputs of the model by name (`speaker=FILE`), each a vector.

    Raises:
        UsageError: If the model takes none of that name, or one of another size.
    """
    if not files:
        return {}
    sizes = {
        name: int(getattr(config, f"{name}_dim"))
        for name in ("speaker", "emotion")
        if hasattr(config, f"{name}_dim")
    }
    vectors = {}
    for name, array in read_inputs(files).items():
        vector = np.asarray(array, np.float32).reshape(-1)
        if sizes.get(name) != len(vector):
            raise UsageError(
                "is no input of this model",
                where=f"{where} {name} [{len(vector)}]",
                expected=", ".join(f"{known} [{size}]" for known, size in sizes.items())
                or "none besides what it speaks",
                found=name,
            )
        vectors[name] = vector
    return vectors
