"""torch.export archives (`.pt2`): a zip with the weights as plain arrays and a JSON text that describes them.

torch 2.8 and later write `NAME/data/weights/model_weights_config.json` and one member for each weight;
earlier versions keep a torch file as `serialized_state_dict.pt`, which is read as one. The program in
`models/` is not read. Layout: torch/export/pt2_archive.
"""

from __future__ import annotations

from typing import Any

from auscult.checkpoint.archive import Archive, has_member, read_archive
from auscult.checkpoint.bounded_json import parse_json
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_shape, format_tensor_place
from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.formats import torch_zip
from auscult.checkpoint.source import Source, item_bytes
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Shape, Tensor

FORMAT = "torch-export"
CHECKED_WITH = ("torch 2.13.0",)
CONFIG_SUFFIX = "weights/model_weights_config.json"
OLD_STATE = "serialized_state_dict.pt"
SCALAR_TYPES = {
    **{1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32"},
    **{8: "float64", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16"},
    **{28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2"},
}
"""Number of an element type in the schema. Source: torch/_export/serde/schema.py, ScalarType."""


def sniff(source: Source, head: bytes) -> bool:
    """A zip archive with the weights of an exported program."""
    return head[:4] == b"PK\x03\x04" and (
        has_member(source, CONFIG_SUFFIX) or has_member(source, OLD_STATE)
    )


def read(source: Source) -> Contents:
    """Describe the weights.

    Raises:
        CheckpointError: If the archive or its description is damaged.
    """
    archive = read_archive(source)
    config_name = next((name for name in archive.members if name.endswith(CONFIG_SUFFIX)), None)
    if config_name is None:
        old_state = next(name for name in archive.members if name.endswith(OLD_STATE))
        return torch_zip.read(archive.open_source(old_state))
    folder = config_name.rpartition("/")[0]
    config_file = archive.open_source(config_name)
    try:
        config = parse_json(config_file, 0, config_file.size)["config"]
        entries = dict(config)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"describes its weights in a way that torch does not: {error}", where=config_file.where
        ) from error
    tree: dict[str, Tensor] = {}
    skips: list[Skip] = []
    for name, entry in entries.items():
        description = _describe_weight(archive, folder, name, entry)
        if isinstance(description, Skip):
            skips.append(description)
        else:
            tree[name] = description
    return Contents(tree, skips=tuple(skips))


def _describe_weight(archive: Archive, folder: str, name: str, entry: Any) -> Tensor | Skip:
    try:
        meta = entry["tensor_meta"]
        member = f"{folder}/{entry['path_name']}"
        code = int(meta["dtype"])
        shape = _read_counts(meta["sizes"])
        strides = _read_counts(meta["strides"])
        first = int(meta["storage_offset"]["as_int"])
        is_pickled, trainable = bool(entry["use_pickle"]), bool(entry["is_param"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"describes the weight {name[:200]} in a way that torch does not: {error}",
            where=archive.source.where,
        ) from error
    if code not in SCALAR_TYPES or is_pickled:
        return Skip(
            name, "a weight that is kept as a pickled tensor, or of an unknown type", is_weight=True
        )
    dtype = SCALAR_TYPES[code]
    check_shape(shape, format_tensor_place(archive.source, name))
    data = archive.open_source(member)
    extent = 1 + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    needed_bytes = (first + extent) * item_bytes(dtype) if 0 not in shape else 0
    data.view(0, needed_bytes)
    array = FileArray(data, 0, dtype, shape, first, _drop_plain(shape, strides))
    size = item_bytes(dtype)
    for side in shape:
        size *= side
    return Tensor(name, shape, dtype, array, size, trainable=trainable)


def _read_counts(items: Any) -> Shape:
    counts = tuple(int(item["as_int"]) for item in items)
    if any(count < 0 for count in counts):
        raise ValueError("a negative size")
    return counts


def _drop_plain(shape: Shape, strides: Shape) -> Shape | None:
    """The strides, or None where the elements lie one after another."""
    step = 1
    for side, stride in zip(reversed(shape), reversed(strides), strict=True):
        if side > 1 and stride != step:
            return strides
        step *= side
    return None
