"""torch's stream of pickles and storages from before torch 1.6, in a file of its own or inside another pickle.

The stream is: a magic number, a protocol number, facts of the machine, the object, the list of storage keys; then per key, in
that order, the number of elements (64 bits) and the elements. Source: `_legacy_save` in torch/serialization.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from auscult.checkpoint.pickle_machine import Builder, Machine
from auscult.checkpoint.pickle_torch import load_persistent
from auscult.checkpoint.pickle_values import Global, LongBytes, Malformed
from auscult.checkpoint.source import TRUNCATED_HINT, Bytes, item_bytes, outside
from auscult.checkpoint.torch_tensors import StorageRef
from auscult.errors import CheckpointError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class NotAStream(Exception):  # noqa: N818 - another kind of pickle, not an error
    """The first pickle is not the magic number but the object itself, `value`."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def read_stream(machine: Machine, places: Stream) -> Any:
    """The object of a stream; `places` then knows where its storages are.

    Raises:
        NotAStream: If this is a plain pickle.
        CheckpointError: If the stream is truncated, damaged or hostile.
    """
    where = str(machine.source.path)
    first = machine.run()
    if type(first) is not int or first != MAGIC_NUMBER:
        raise NotAStream(first)
    protocol, facts = machine.run(), machine.run()
    if protocol != PROTOCOL:
        raise CheckpointError(
            "has an unknown protocol", where=where, expected=PROTOCOL, found=str(protocol)[:40]
        )
    if isinstance(facts, dict) and facts.get("little_endian") is False:
        places.byteorder = ">"
    machine.memo = {}
    tree = machine.run()
    machine.memo = {}
    keys = machine.run()
    places.locate(machine.source, machine.pos, keys)
    return tree


class Stream:
    """The storages behind the pickles of a stream."""

    byteorder: Literal["<", ">"] = "<"

    def __init__(self) -> None:
        self._path = ""
        self._refs: dict[str, StorageRef] = {}
        self._found: dict[str, tuple[Bytes, int, int]] = {}

    def met(self, storage: StorageRef) -> None:
        """A storage that the object's pickle names; its type tells how long it is."""
        self._refs.setdefault(storage.key, storage)

    def locate(self, source: Bytes, start: int, keys: Any) -> None:
        """Walk the storages in the order of their keys.

        Raises:
            CheckpointError: If the file ends before they do, or a key is unknown.
        """
        self._path = str(source.path)
        if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
            raise CheckpointError(
                "has no list of storages behind its pickle",
                where=str(source.path),
                hint=TRUNCATED_HINT,
            )
        at = start
        for key in map(str, keys):
            ref = self._refs.get(key)
            if ref is None or key in self._found or ref.dtype is None:
                raise CheckpointError(
                    f"has a storage {key[:40]} that no tensor can use", where=str(source.path)
                )
            order: Literal["little", "big"] = "little" if self.byteorder == "<" else "big"
            count = int.from_bytes(source.view(at, 8), order)
            length = count * item_bytes(ref.dtype)
            source.view(at + 8, length)
            self._found[key] = (source, at + 8, length)
            at += 8 + length

    def rename(self, storage: StorageRef, key: str) -> None:
        """Give a storage of a nested stream a key that is unique in the file."""
        self._found = {key: self._found[storage.key]}
        storage.key = key

    def place(self, storage: StorageRef) -> tuple[Bytes, int, int]:
        try:
            return self._found[storage.key]
        except KeyError:
            raise CheckpointError(
                f"lacks the storage {storage.key[:40]}", where=self._path, hint=TRUNCATED_HINT
            ) from None


class Inside:
    """Bytes within other bytes, or in memory."""

    def __init__(self, path: Path, data: memoryview) -> None:
        self.path = path
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def view(self, offset: int, length: int) -> memoryview:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise outside(self.path, self.size, offset, length)
        return self._data[offset : offset + length]


def nested_storage(builders: dict[str, Builder]) -> Builder:
    """How `torch.storage._load_from_bytes(stream)` is read: what `pickle.dump` writes for a storage. A stream has none inside."""

    def build(machine: Machine, _: Global, arguments: tuple[Any, ...]) -> Any:
        raw = arguments[0] if len(arguments) == 1 else None
        if isinstance(raw, LongBytes):
            data = (
                raw.source.view(raw.offset, raw.length)
                if not raw.latin1
                else memoryview(raw.read())
            )
        elif isinstance(raw, bytes):
            data = memoryview(raw)
        else:
            raise Malformed("loads a storage from something else than bytes")
        places = Stream()
        label = f"{machine.label} (storage at byte {machine.pos})"
        inner = Machine(
            Inside(machine.source.path, data),
            label,
            builders=builders,
            harmless=machine.harmless,
            load=load_persistent(places),
        )
        try:
            storage = read_stream(inner, places)
        except NotAStream as error:
            raise Malformed("loads a storage from another kind of pickle") from error
        machine.hazards = {**inner.hazards, **machine.hazards}
        if isinstance(storage, StorageRef):
            places.rename(storage, f"{machine.pos}:{storage.key}")
        return storage

    return build
