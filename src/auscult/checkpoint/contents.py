"""What a format reader hands over: a nested tree of tensors, before a container is chosen.

A reader is one file in `checkpoint/formats/` with three names, found by its folder:

    FORMAT = "npz"                                   # as shown to the user; Checkpoint.format
    def sniff(path: Path, head: bytes) -> bool       # head: the first 64 bytes, b"" for a folder; look at bytes before suffixes
    def read(path: Path) -> Contents                 # raises CheckpointError
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auscult.finding import Skip
from auscult.weights import Hazard, ModuleInfo

Tree = Mapping[Any, Any]
"""Nested mappings and sequences whose leaves are Tensors; other leaves (epoch, config) are plain values or Opaque."""


@dataclass(frozen=True)
class Opaque:
    """Something in a pickle that is not a tensor and was not built: the name of what it would have been."""

    what: str


@dataclass(frozen=True)
class Contents:
    """The tree that a file holds, and what was noticed on the way.

    Attributes:
        format: Overrides the reader's FORMAT, where one reader knows several.
        modules: In graph formats (ONNX, LiteRT, Core ML) the operator that consumes a tensor, by the tensor's name: its type and
            attributes that no tensor shows (group, strides, dilations). Passed on as `Checkpoint.modules`.
    """

    tree: Tree
    metadata: Mapping[str, str] = field(default_factory=dict)
    hazards: tuple[Hazard, ...] = ()
    skips: tuple[Skip, ...] = ()
    format: str | None = None
    modules: Mapping[str, ModuleInfo] = field(default_factory=dict)
