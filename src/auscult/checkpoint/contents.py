"""What a format reader hands over: a nested tree of tensors, before a container is chosen.

A reader is one file in `checkpoint/formats/` with three names, found by its folder:

    FORMAT = "npz"                                   # as shown to the user; Checkpoint.format
    def sniff(path: Path, head: bytes) -> bool       # head: the first 64 bytes, b"" for a folder; look at bytes before suffixes
    def read(path: Path) -> Contents                 # raises CheckpointError

`sniff` never raises. `read` describes tensors and leaves their elements in the file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auscult.finding import Skip
from auscult.weights import Hazard, ModuleInfo, Shape, Tensor

Tree = Mapping[Any, Any]
"""Nested mappings and sequences whose leaves are Tensors (or Leaves); other leaves (epoch, config) are plain values or Opaque."""


class Leaf(ABC):
    """A tensor that is described only when its name is known, or the reason why it cannot be."""

    __slots__ = ()
    shape: Shape

    @abstractmethod
    def describe(self, name: str) -> Tensor | Skip:
        """The tensor under that name, or why it is left out.

        Raises:
            CheckpointError: If what the file says of it does not fit the file.
        """


@dataclass(eq=False, slots=True)
class Opaque:
    """Something in a pickle that is not a tensor and was not built: what it would have been, and what it was given.

    Attributes:
        what: The class or function, such as `argparse.Namespace`.
        state: Its attributes (a mapping, for most objects).
        entries: Its entries, where it is a kind of dict or list.
    """

    what: str
    state: Any = None
    entries: dict[Any, Any] | list[Any] | None = None


def as_tree(value: Any) -> Any:
    """What a file holds as a tree: a lone tensor gets the name `tensor`, and a lone number is no tree at all."""
    if isinstance(value, Tensor | Leaf):
        return {"tensor": value}
    if isinstance(value, dict | list | tuple | Opaque):
        return value
    return {}


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
