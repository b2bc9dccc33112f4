"""HDF5 files through h5py: which datasets a file has, where their elements lie, and what is noted beside them.

h5py is given the bytes of the source and nothing else. Links to other files, data kept in other files and virtual datasets
are not followed. Elements that lie in the file as plain numbers are read from there, like those of any other format.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, Literal

from auscult.checkpoint.elements import DecodedData, check_count, check_shape, place_tensor
from auscult.checkpoint.source import ITEM_BYTES, TRUNCATED_HINT, Source
from auscult.checkpoint.source_file import SourceFile
from auscult.errors import CheckpointError
from auscult.facts.install import format_install_command
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, Tensor

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_DEPTH = 32
MAX_DECODED_BYTES = 1 << 28
MAX_INFLATION = 50
"""Beyond MAX_DECODED_BYTES a compressed dataset may be so many times its size in the file."""


@dataclass
class Hdf5Group:
    """A group: its datasets as tensors (or why not), its groups, and the text attributes `name` and `keras_version`."""

    attributes: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor | Skip] = field(default_factory=dict)
    groups: dict[str, Hdf5Group] = field(default_factory=dict)


@dataclass
class _Walk:
    source: Source
    h5py: Any
    count: int = 0


def read_hdf5(source: Source) -> Hdf5Group:
    """The groups and datasets of a file.

    Raises:
        CheckpointError: If h5py is not installed, or the file is damaged.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise CheckpointError(
            "is an HDF5 file (Keras), and reading those needs h5py",
            where=source.where,
            expected="the package h5py",
            found="none",
            hint=format_install_command("keras"),
        ) from error
    with translate_errors(source):
        # The file stays open as long as a dataset in it may have to be decoded.
        root = h5py.File(SourceFile(source), "r")
        return _read_group(_Walk(source, h5py), root, "", ())


@contextmanager
def translate_errors(source: Source) -> Iterator[None]:
    """What h5py raises of a damaged file, as a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        problem = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"is a damaged HDF5 file: {problem}", where=source.where, hint=TRUNCATED_HINT
        ) from error


def _read_group(walk: _Walk, group: Any, path: str, above: tuple[Any, ...]) -> Hdf5Group:
    result = Hdf5Group(_read_text_attributes(group))
    address = walk.h5py.h5o.get_info(group.id).addr
    if address in above or len(above) >= MAX_DEPTH:
        return result
    for key in group:
        walk.count += 1
        check_count(walk.source, walk.count)
        name = str(key)
        place = f"{path}{name}"
        if not isinstance(group.get(key, getlink=True), walk.h5py.HardLink):
            result.tensors[name] = Skip(place, "a link to another place or file")
            continue
        entry = group[key]
        if isinstance(entry, walk.h5py.Group):
            result.groups[name] = _read_group(walk, entry, f"{place}/", (*above, address))
        elif isinstance(entry, walk.h5py.Dataset):
            result.tensors[name] = _describe_dataset(walk.source, entry, place)
    return result


def _read_text_attributes(entry: Any) -> dict[str, str]:
    texts = {}
    for key in ("name", "keras_version", "dtype"):
        if key in entry.attrs:
            value = entry.attrs[key]
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            if isinstance(value, str):
                texts[key] = value[:200]
    return texts


def _describe_dataset(source: Source, dataset: Any, name: str) -> Tensor | Skip:
    if dataset.is_virtual or dataset.id.get_create_plist().get_external_count():
        return Skip(name, "its elements lie in another file", is_weight=True)
    if dataset.shape is None:
        return Skip(name, "a dataset without elements")
    shape = check_shape(dataset.shape, f"{source.where}, {name}")
    dtype = dataset.dtype.name
    if _read_text_attributes(dataset).get("dtype") == "bfloat16" and dataset.dtype.itemsize == 2:
        dtype = "bfloat16"
    if dtype not in ITEM_BYTES:
        is_number = dataset.dtype.kind in "fiuc"
        return Skip(
            name, f"elements of type {dtype[:60]}, which are no weights", is_weight=is_number
        )
    byteorder: Literal["<", ">"] = ">" if dataset.dtype.byteorder == ">" else "<"
    size = prod(shape) * ITEM_BYTES[dtype]
    offset = dataset.id.get_offset()
    is_plain = dataset.chunks is None and offset is not None and dtype != "bool"
    if is_plain:
        span = (offset, offset + size)
        return place_tensor(source, span, name, dtype, shape, byteorder=byteorder)
    if size > max(MAX_DECODED_BYTES, MAX_INFLATION * dataset.id.get_storage_size()):
        return Skip(
            name, "a compressed dataset that would be far larger than the file", is_weight=True
        )
    return Tensor(name, shape, dtype, DecodedData(partial(_decode, source, dataset, dtype)), size)


def _decode(source: Source, dataset: Any, dtype: str) -> Array:
    with translate_errors(source):
        values = np.asarray(dataset[()])
    if dtype == "bfloat16":
        import ml_dtypes

        return values.view(ml_dtypes.bfloat16)
    return values.astype(values.dtype.newbyteorder("="))
