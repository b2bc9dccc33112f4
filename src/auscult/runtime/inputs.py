"""What a model is run on: arrays by parameter name or position, from whatever file holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from auscult.checkpoint.formats import safetensors
from auscult.errors import CheckpointError, UsageError
from auscult.traces.file import read_trace
from auscult.traces.manifest import KEY
from auscult.weights import Array, Tensor

SOUND = frozenset((".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"))
NAMED = re.compile(r"(?P<name>[A-Za-z_]\w*|\d+)=(?P<path>.+)")


def read_inputs(files: str | Iterable[str]) -> dict[str, Array]:
    """Arrays by parameter name or position ("0", "1").

    Args:
        files: Each a .npz or .safetensors (keys are names or positions), a trace (what the whole model took in it), a .npy, or
            a sound file, float32 [1, channels, time]. `NAME=FILE` gives the one array of a file that name; without it, the
            arrays of .npy and sound files take the positions in order.

    Raises:
        UsageError: If a file is missing or of another kind, or two files give one name.
    """
    found: dict[str, Array] = {}
    for given in [files] if isinstance(files, str) else files:
        matched = None if Path(given).exists() else NAMED.fullmatch(given)
        arrays = _read(
            Path(matched["path"] if matched else given), str(sum(name.isdigit() for name in found))
        )
        if matched is not None:
            if len(arrays) != 1:
                raise UsageError(
                    "holds several arrays and cannot get one name",
                    where=given,
                    found=", ".join(arrays),
                )
            arrays = {matched["name"]: next(iter(arrays.values()))}
        for name, array in arrays.items():
            if name in found:
                raise UsageError("gives an input a second time", where=given, found=name)
            found[name] = array
    if not found:
        raise UsageError(
            "gives no inputs", where=str(files), hint="a .npz with one array per parameter"
        )
    return found


def _read(path: Path, position: str) -> dict[str, Array]:
    if not path.is_file():
        raise UsageError(
            "is no file", where=str(path), hint="give a .npz, .safetensors, .npy or sound file"
        )
    suffix = path.suffix.lower()
    try:
        if suffix == ".safetensors":
            return _safetensors(path)
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return dict(archive)
        if suffix == ".npy":
            return {position: np.load(path, allow_pickle=False)}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise UsageError(f"cannot be read: {str(error)[:200]}", where=str(path)) from error
    if suffix in SOUND:
        return {position: _sound(path)}
    raise UsageError(
        "is of no kind that holds inputs",
        where=str(path),
        expected=".npz, .safetensors, .npy or sound",
        found=suffix,
    )


def _sound(path: Path) -> Array:
    import soundfile

    try:
        samples, _ = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise UsageError(f"cannot be read as sound: {error}", where=str(path)) from error
    return np.ascontiguousarray(samples.T)[None]


def _safetensors(path: Path) -> dict[str, Array]:
    if KEY in safetensors.read_metadata(path):
        trace = read_trace(path)
        taken = {
            record.role: record
            for record in trace
            if (record.path, record.call) == ("", 0) and record.role.startswith("input")
        }
        if not taken:
            raise CheckpointError(
                "is a trace that does not hold what the whole model took", where=str(path)
            )
        return {role: trace.tensor(record) for role, record in taken.items()}
    return {
        name: value.numpy()
        for name, value in safetensors.read(path).tree.items()
        if isinstance(value, Tensor)
    }
