"""torch's files from before 1.6: a stream of pickles, then the storages; and plain pickles of arrays.

The stream is: a magic number, a protocol number, facts of the machine, the object, the list of storage keys; then per key, in
that order, the number of elements (64 bits) and the elements. Source: `_legacy_save` in torch/serialization.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.pickle import machine_for
from auscult.checkpoint.pickle_machine import Machine
from auscult.checkpoint.pickle_torch import StorageRef, load_persistent
from auscult.checkpoint.source import TRUNCATED_HINT, Bytes, Source, item_bytes
from auscult.errors import CheckpointError

FORMAT = "torch-legacy"
PLAIN = "pickle"
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
TAR_MAGIC_AT = 257


def sniff(path: Path, head: bytes) -> bool:
    """A pickle of protocol 2 to 5 (an older one by its suffix), or the tar archive that torch wrote before 0.1.10."""
    if head.startswith(STARTS):
        return True
    if path.suffix in (".pkl", ".pickle") and head[:1] in (b"(", b"c", b"}", b"]"):
        return True
    return head.startswith((b"sys_info\0", b"pickle\0", b"storages\0", b"tensors\0"))


def read(path: Path) -> Contents:
    """Describe the tensors of the stream.

    Raises:
        CheckpointError: If it is truncated, damaged, hostile, or in the tar format.
    """
    source = Source(path)
    if source.size > TAR_MAGIC_AT + 5 and source.bytes(TAR_MAGIC_AT, 5) == b"ustar":
        raise CheckpointError(
            "is in the tar format of torch 0.1.9 and before",
            where=str(path),
            hint="load it once with torch.load and save it again with a torch that is newer",
        )
    places = Stream()
    machine = machine_for(source, path.name, load_persistent(places))
    first = machine.run()
    if type(first) is not int or first != MAGIC_NUMBER:
        return _contents(first, machine, PLAIN)
    protocol, facts = machine.run(), machine.run()
    if protocol != PROTOCOL:
        raise CheckpointError("has an unknown protocol", where=str(path), expected=PROTOCOL, found=str(protocol)[:40])
    if isinstance(facts, dict) and facts.get("little_endian") is False:
        places.byteorder = ">"
    machine.memo = {}
    tree = machine.run()
    machine.memo = {}
    keys = machine.run()
    places.locate(source, machine.pos, keys)
    return _contents(tree, machine, None)


def _contents(tree: Any, machine: Machine, name: str | None) -> Contents:
    whole = tree if isinstance(tree, dict) or hasattr(tree, "what") else {"": tree}
    return Contents(whole, hazards=tuple(machine.hazards.values()), format=name)


class Stream:
    """The storages behind the pickles of a stream."""

    byteorder: Literal["<", ">"] = "<"

    def __init__(self) -> None:
        self._refs: dict[str, StorageRef] = {}
        self._found: dict[str, tuple[Bytes, int, int]] = {}

    def met(self, storage: StorageRef) -> None:
        """A storage that the object's pickle names; its type tells how long it is."""
        self._refs.setdefault(storage.key, storage)

    def locate(self, source: Source, start: int, keys: Any) -> None:
        """Walk the storages in the order of their keys.

        Raises:
            CheckpointError: If the file ends before they do, or a key is unknown.
        """
        if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
            raise CheckpointError("has no list of storages behind its pickle", where=str(source.path), hint=TRUNCATED_HINT)
        at = start
        for key in map(str, keys):
            ref = self._refs.get(key)
            if ref is None or key in self._found or ref.dtype is None:
                raise CheckpointError(f"has a storage {key[:40]} that no tensor can use", where=str(source.path))
            order: Literal["little", "big"] = "little" if self.byteorder == "<" else "big"
            count = int.from_bytes(source.view(at, 8), order)
            length = count * item_bytes(ref.dtype)
            source.view(at + 8, length)
            self._found[key] = (source, at + 8, length)
            at += 8 + length

    def place(self, storage: StorageRef) -> tuple[Bytes, int, int]:
        try:
            return self._found[storage.key]
        except KeyError:
            raise CheckpointError(f"lacks the storage {storage.key[:40]}", where="", hint=TRUNCATED_HINT) from None
