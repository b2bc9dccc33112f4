"""What stands on the stack of the pickle interpreter beside plain values: names, bytes left in the file, sets, safe keys."""

from __future__ import annotations

from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.source import ByteSource
from auscult.errors import CheckpointError


class MalformedPickle(Exception):  # noqa: N818 - becomes a CheckpointError with its place
    """Something in a pickle that no pickler writes."""


class GlobalName:
    """A class or function by name, not imported."""

    __slots__ = ("module", "name", "offset")

    def __init__(self, module: str, name: str, offset: int) -> None:
        self.module = module
        self.name = name
        self.offset = offset

    @property
    def what(self) -> str:
        return f"{self.module}.{self.name}"


class LongBytes:
    """A byte string of a pickle that was left in the file; `latin1` when it was written as text and encoded on load."""

    __slots__ = ("latin1", "length", "offset", "source")

    def __init__(
        self, source: ByteSource, offset: int, length: int, *, latin1: bool = False
    ) -> None:
        self.source = source
        self.offset = offset
        self.length = length
        self.latin1 = latin1

    def text(self) -> str:
        return str(self.source.view(self.offset, self.length), "utf-8", "replace")

    def read(self) -> bytes:
        """The bytes.

        Raises:
            CheckpointError: If text stands where no byte string could have been encoded from.
        """
        if not self.latin1:
            return bytes(self.source.view(self.offset, self.length))
        try:
            return self.text().encode("latin-1")
        except UnicodeEncodeError as error:
            raise CheckpointError(
                "holds text where bytes belong", where=self.source.where
            ) from error


class LongText(LongBytes):
    """A long text, left in the file."""

    __slots__ = ()


class SetList(list[Any]):
    """The elements of a set, never hashed: hashing nested tuples can take for ever."""

    __slots__ = ()


def make_safe_key(value: Any) -> Any:
    """A dictionary key that is safe to hash: plain values as they are, anything else as an opaque node."""
    kind = type(value)
    if kind is str or kind is bytes or value is None or kind is bool or kind is float:
        return value
    if kind is int and -(1 << 60) < value < 1 << 60:
        return value
    if isinstance(value, Opaque):
        return value
    return Opaque(value.what if isinstance(value, GlobalName) else f"key of type {kind.__name__}")
