"""Keras: `.keras` (a zip with `model.weights.h5`), `.weights.h5`, and the older `.h5`; and HDF5 files with arrays of others.

Keras 3 numbers the variables of a layer (`layers/conv1d/vars/0`), and notes the layer's name beside them. They are listed under
the names that Keras shows, such as `conv_pre.kernel`, where the kind of the layer is known; else by number. Arrays keep Keras'
order of axes. The optimizer's variables are a group of their own. Layout: keras/src/saving/saving_lib.py, legacy/saving.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from auscult.checkpoint.archive import has_member, read_archive
from auscult.checkpoint.bounded_json import parse_json
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.hdf5 import MAGIC, Hdf5Group, read_hdf5
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.weights import Tensor

FORMAT = "keras"
CHECKED_WITH = ("Keras 3.15.1", "h5py 3.16.0")
WEIGHTS_NAME = "model.weights.h5"
METADATA_NAME = "metadata.json"
LEGACY_GROUP = "model_weights"
NUMBERED_GROUP = "vars"
LAYERS_GROUPS = frozenset(("layers", "_layer_checkpoint_dependencies"))
"""Where a model keeps its layers by the names of their kinds; the second is of Keras 2.12 to 2.14."""
RANDOM_STATE = "seed_generator"
KERNEL = ("kernel", "bias")
CELL = ("kernel", "recurrent_kernel", "bias")
VARIABLES: Mapping[str, tuple[tuple[str, ...], int]] = {
    "dense": (KERNEL, 2),
    **{f"conv{rank}d": (KERNEL, rank + 2) for rank in (1, 2, 3)},
    **{f"conv{rank}d_transpose": (KERNEL, rank + 2) for rank in (1, 2, 3)},
    **{f"depthwise_conv{rank}d": (KERNEL, rank + 2) for rank in (1, 2)},
    **{
        f"separable_conv{n}d": (("depthwise_kernel", "pointwise_kernel", "bias"), n + 2)
        for n in (1, 2)
    },
    **{f"{name}_dense": (KERNEL, 3) for name in ("query", "key", "value", "output")},
    **{f"{kind}_cell": (CELL, 2) for kind in ("lstm", "gru", "simple_rnn")},
    "embedding": (("embeddings",), 2),
    "batch_normalization": (("gamma", "beta", "moving_mean", "moving_variance"), 1),
    "layer_normalization": (("gamma", "beta"), 1),
    "group_normalization": (("gamma", "beta"), 1),
}
"""The variables of a kind of layer in their order, and the number of axes of the first. Source: keras/src/layers, Keras 3."""
OPTIONAL_LAST = "bias"
"""The one variable that may be left out without making the numbers ambiguous: it comes last."""


def sniff(source: Source, head: bytes) -> bool:
    """An HDF5 file, or an archive with Keras' weights."""
    if head[:4] == b"PK\x03\x04":
        return has_member(source, WEIGHTS_NAME)
    return head.startswith(MAGIC)


def read(source: Source) -> Contents:
    """The variables of the model by the names of its layers.

    Raises:
        CheckpointError: If h5py is not installed, or the file is damaged.
    """
    metadata: dict[str, str] = {}
    if source.bytes(0, 4) == b"PK\x03\x04":
        archive = read_archive(source)
        name = next(name for name in archive.members if name.endswith(WEIGHTS_NAME))
        if METADATA_NAME in archive.members:
            metadata = _read_metadata(archive.open_source(METADATA_NAME))
        source = archive.open_source(name)
    root = read_hdf5(source)
    legacy = root.groups.get(LEGACY_GROUP)
    skips: list[Skip] = []
    version = (legacy or root).attributes.get("keras_version")
    if version:
        metadata.setdefault("keras_version", version)
    if legacy is not None:
        others = {key: group for key, group in root.groups.items() if key != LEGACY_GROUP}
        tree = _list_legacy_layers(legacy, skips)
        tree |= {key: _list_plainly(group, skips) for key, group in others.items()}
        return Contents(tree, metadata, skips=tuple(skips))
    if NUMBERED_GROUP in root.groups or not LAYERS_GROUPS.isdisjoint(root.groups):
        tree = _list_layers(root, skips)
        tree |= _name_variables("", root.groups.get(NUMBERED_GROUP, Hdf5Group()), skips)
        return Contents(tree, metadata, skips=tuple(skips))
    if version:
        return Contents(_list_legacy_layers(root, skips), metadata, skips=tuple(skips))
    return Contents(_list_plainly(root, skips), metadata, skips=tuple(skips), format="hdf5")


def _read_metadata(source: Source) -> dict[str, str]:
    try:
        content = parse_json(source, 0, source.size)
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    return {str(key): str(value)[:100] for key, value in list(content.items())[:8]}


def _list_plainly(group: Hdf5Group, skips: list[Skip]) -> dict[str, Any]:
    """Datasets under the names that they have in the file."""
    tree: dict[str, Any] = {}
    for key, tensor in group.tensors.items():
        if isinstance(tensor, Skip):
            skips.append(tensor)
        else:
            tree[key.removesuffix(":0")] = tensor
    for key, inner in group.groups.items():
        _put(tree, key, _list_plainly(inner, skips), key)
    return tree


def _list_legacy_layers(group: Hdf5Group, skips: list[Skip]) -> dict[str, Any]:
    """Layers of the older form, which repeats a layer's name: `conv_pre/conv_pre/kernel:0`."""
    tree: dict[str, Any] = {}
    for key, layer in group.groups.items():
        content = _list_plainly(layer, skips)
        inner = content.get(key)
        if list(content) == [key] and isinstance(inner, dict):
            content = inner
        _put(tree, key, content, key)
    return tree


def _list_layers(group: Hdf5Group, skips: list[Skip]) -> dict[str, Any]:
    """Layers of Keras 3, with the numbers of their variables turned into names."""
    tree: dict[str, Any] = {}
    for key, name, layer in _iter_layers(group):
        if key == RANDOM_STATE:
            skips += [
                Skip(tensor.name, "the state of a random number generator")
                for tensor in layer.groups.get(NUMBERED_GROUP, Hdf5Group()).tensors.values()
                if isinstance(tensor, Tensor)
            ]
            continue
        content = _list_layers(layer, skips)
        numbered = layer.groups.get(NUMBERED_GROUP)
        if numbered is not None:
            content |= _name_variables(key, numbered, skips)
        _put(tree, name, content, key)
    for key, tensor in group.tensors.items():
        if isinstance(tensor, Skip):
            skips.append(tensor)
        else:
            tree[key] = tensor
    return tree


def _iter_layers(group: Hdf5Group) -> Iterator[tuple[str, str, Hdf5Group]]:
    """Key, shown name and group of each layer; a list `layers` is named by its layers, all else by attribute."""
    for key, inner in group.groups.items():
        if key == NUMBERED_GROUP:
            continue
        if key in LAYERS_GROUPS:
            for layer_key, layer in inner.groups.items():
                noted = layer.groups.get(NUMBERED_GROUP, Hdf5Group()).attributes.get("name")
                yield layer_key, noted or layer_key, layer
        else:
            yield key, key, inner


def _name_variables(key: str, numbered: Hdf5Group, skips: list[Skip]) -> dict[str, Any]:
    """The variables of one layer by their names, or by their numbers where its kind is not known."""
    variables: list[tuple[str, Tensor]] = []
    for number, tensor in numbered.tensors.items():
        if isinstance(tensor, Skip):
            skips.append(tensor)
        else:
            variables.append((number, tensor))
    variables.sort(key=lambda item: (len(item[0]), item[0]))
    names = _find_names(key, numbered, [tensor for _, tensor in variables])
    if names is None:
        return {f"var{number}": tensor for number, tensor in variables}
    return dict(zip(names, (tensor for _, tensor in variables), strict=True))


def _find_names(key: str, numbered: Hdf5Group, variables: list[Tensor]) -> tuple[str, ...] | None:
    for label in (key, numbered.attributes.get("name", "")):
        names, rank = VARIABLES.get(re.sub(r"_\d+$", "", label), ((), 0))
        if names[-1:] == (OPTIONAL_LAST,) and len(variables) == len(names) - 1:
            names = names[:-1]
        if names and len(variables) == len(names) and len(variables[0].shape) == rank:
            return names
    return None


def _put(tree: dict[str, Any], name: str, content: dict[str, Any], key: str) -> None:
    """Put a layer's content under its name, or under its key in the file where two layers have one name."""
    if not content:
        return
    tree[key if name in tree else name] = content
