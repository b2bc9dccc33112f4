"""What a format reader hands over: a nested tree of tensors, before a container is chosen.

A reader is one file in `checkpoint/formats/` with three names, found by its folder:

    FORMAT = "npz"                                   # as shown to the user; Checkpoint.format
    def sniff(source: Source, head: bytes) -> bool   # head: the first 64 bytes, b"" for a folder; look at bytes before suffixes
    def read(source: Source) -> Contents             # raises CheckpointError

`CHECKED_WITH = ("numpy 2.4.6",)` names the libraries, with their versions, whose files were read and compared with
what they were made of; `UNREAD_PARTS` has a sentence for each part of such files that is not read, and what to do. The
page of formats shows both.

`sniff` never raises. `read` describes tensors and leaves their elements in the file. The source is a file or a window of one: a
member of an archive has a `name` and a `suffix` as a file has. A format of several files gets the others by
`auscult.checkpoint.beside.open_data_file`, which says clearly when there are none beside it; one that is a folder has it as
`source.path` where `source.is_folder`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auscult.finding import Skip
from auscult.weights import Hazard, ModuleInfo, Shape, Tensor

HEAD_BYTES = 64
"""How much of a file `sniff` is given."""
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
        modules: In graph formats (ONNX, LiteRT, OpenVINO) the operator that consumes a tensor, by the tensor's name: its type and
            attributes that no tensor shows (group, strides, dilations). Passed on as `Checkpoint.modules`.
    """

    tree: Tree
    metadata: Mapping[str, str] = field(default_factory=dict)
    hazards: tuple[Hazard, ...] = ()
    skips: tuple[Skip, ...] = ()
    format: str | None = None
    modules: Mapping[str, ModuleInfo] = field(default_factory=dict)
