"""What a model is run on: arrays by parameter name or position, from whatever file holds them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from auscult.checkpoint.formats import safetensors
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError, UsageError
from auscult.facts.arrays import is_array, to_numpy
from auscult.facts.audio_files import READABLE_SUFFIXES
from auscult.traces.file import read_trace
from auscult.traces.manifest import MANIFEST_KEY
from auscult.weights import Array, Tensor

NAMED_FILE_PATTERN = re.compile(r"(?P<name>[A-Za-z_]\w*|\d+)=(?P<path>.+)")


def collect_inputs(inputs: Any) -> dict[str, Array]:
    """Arrays by parameter name or position, from whatever a caller gives.

    Args:
        inputs: Arrays or tensors of any framework by name, one of them, several in the order of the parameters; or a file or
            files of them (`read_inputs`).

    Raises:
        UsageError: If it is nothing of these, or a file cannot be read.
    """
    if isinstance(inputs, str | os.PathLike):
        return read_inputs([os.fspath(inputs)])
    if isinstance(inputs, Mapping):
        return {
            str(name): to_numpy(value) if is_array(value) else value
            for name, value in inputs.items()
        }
    if is_array(inputs):
        return {"input": to_numpy(inputs)}
    if isinstance(inputs, Sequence) and inputs:
        if all(isinstance(item, str | os.PathLike) for item in inputs):
            return read_inputs([os.fspath(file) for file in inputs])
        if all(is_array(item) for item in inputs):
            return {str(position): to_numpy(item) for position, item in enumerate(inputs)}
    raise UsageError(
        "is nothing that a model can be run on",
        where="inputs",
        expected="arrays by name, an array or tensor, or files of them",
        found=type(inputs).__name__,
    )


def read_inputs(files: str | Iterable[str]) -> dict[str, Array]:
    """Arrays by parameter name or position ("0", "1").

    Args:
        files: Each a .npz or .safetensors (keys are names or positions), a trace (what the whole
            model took in it), a .npy, or a sound file, float32 [1, channels, time]. `NAME=FILE`
            gives the one array of a file that name; without it, the arrays of .npy and sound files
            take the positions in order.

    Raises:
        UsageError: If a file is missing or of another kind, or two files give one name.
    """
    input_by_name: dict[str, Array] = {}
    for file in [files] if isinstance(files, str) else files:
        matched = None if Path(file).exists() else NAMED_FILE_PATTERN.fullmatch(file)
        arrays = _read_arrays(
            Path(matched["path"] if matched else file),
            str(sum(name.isdigit() for name in input_by_name)),
        )
        if matched is not None:
            if len(arrays) != 1:
                raise UsageError(
                    "holds several arrays and cannot get one name",
                    where=file,
                    found=", ".join(arrays),
                )
            arrays = {matched["name"]: next(iter(arrays.values()))}
        for name, array in arrays.items():
            if name in input_by_name:
                raise UsageError("gives an input a second time", where=file, found=name)
            input_by_name[name] = array
    if not input_by_name:
        raise UsageError(
            "gives no inputs", where=str(files), hint="a .npz with one array per parameter"
        )
    return input_by_name


def _read_arrays(path: Path, position: str) -> dict[str, Array]:
    if not path.is_file():
        raise UsageError(
            "is no file", where=str(path), hint="give a .npz, .safetensors, .npy or sound file"
        )
    suffix = path.suffix.lower()
    try:
        if suffix == ".safetensors":
            return _read_safetensors(path)
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return dict(archive)
        if suffix == ".npy":
            return {position: np.load(path, allow_pickle=False)}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise UsageError(f"cannot be read: {str(error)[:200]}", where=str(path)) from error
    if suffix in READABLE_SUFFIXES:
        return {position: _read_sound(path)}
    raise UsageError(
        "is of no kind that holds inputs",
        where=str(path),
        expected=".npz, .safetensors, .npy or sound",
        found=suffix,
    )


def _read_sound(path: Path) -> Array:
    import soundfile

    try:
        samples, _ = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise UsageError(f"cannot be read as sound: {error}", where=str(path)) from error
    return np.ascontiguousarray(samples.T)[None]


def _read_safetensors(path: Path) -> dict[str, Array]:
    if MANIFEST_KEY in safetensors.read_metadata(Source(path)):
        trace = read_trace(path)
        input_record_by_role = {
            record.role: record
            for record in trace
            if (record.path, record.call) == ("", 0) and record.role.startswith("input")
        }
        if not input_record_by_role:
            raise CheckpointError(
                "is a trace that does not hold what the whole model took", where=str(path)
            )
        return {role: trace.tensor(record) for role, record in input_record_by_role.items()}
    return {
        name: value.numpy()
        for name, value in safetensors.read(Source(path)).tree.items()
        if isinstance(value, Tensor)
    }
