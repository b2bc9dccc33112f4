"""torch's stream of pickles and storages from before torch 1.6, in a file of its own or inside another pickle.

The stream is: a magic number, a protocol number, facts of the machine, the object, the list of storage keys; then per key, in
that order, the number of elements (64 bits) and the elements. Source: `_legacy_save` in torch/serialization.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from auscult.checkpoint.pickle_machine import GlobalBuilder, PickleMachine
from auscult.checkpoint.pickle_torch import make_persistent_loader
from auscult.checkpoint.pickle_values import GlobalName, LongBytes, MalformedPickle
from auscult.checkpoint.source import TRUNCATED_HINT, ByteSource, item_bytes, make_bounds_error
from auscult.checkpoint.torch_tensors import StorageRef
from auscult.errors import CheckpointError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class NotAStream(Exception):  # noqa: N818 - another kind of pickle, not an error
    """The first pickle is not the magic number but the object itself, `value`."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def read_stream(machine: PickleMachine, stream: LegacyStream) -> Any:
    """The object of a stream; `places` then knows where its storages are.

    Raises:
        NotAStream: If this is a plain pickle.
        CheckpointError: If the stream is truncated, damaged or hostile.
    """
    where = machine.source.where
    first_object = machine.run()
    if type(first_object) is not int or first_object != MAGIC_NUMBER:
        raise NotAStream(first_object)
    protocol, machine_facts = machine.run(), machine.run()
    if protocol != PROTOCOL:
        raise CheckpointError(
            "has an unknown protocol", where=where, expected=PROTOCOL, found=str(protocol)[:40]
        )
    if isinstance(machine_facts, dict) and machine_facts.get("little_endian") is False:
        stream.byteorder = ">"
    machine.memo = {}
    tree = machine.run()
    machine.memo = {}
    keys = machine.run()
    stream.locate_storages(machine.source, machine.pos, keys)
    return tree


class LegacyStream:
    """The storages behind the pickles of a stream."""

    byteorder: Literal["<", ">"] = "<"

    def __init__(self) -> None:
        self._path = ""
        self._storage_refs: dict[str, StorageRef] = {}
        self._locations: dict[str, tuple[ByteSource, int, int]] = {}

    def note_storage(self, storage: StorageRef) -> None:
        """A storage that the object's pickle names; its type tells how long it is."""
        self._storage_refs.setdefault(storage.key, storage)

    def locate_storages(self, source: ByteSource, start: int, keys: Any) -> None:
        """Walk the storages in the order of their keys.

        Raises:
            CheckpointError: If the file ends before they do, or a key is unknown.
        """
        self._path = source.where
        if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
            raise CheckpointError(
                "has no list of storages behind its pickle",
                where=source.where,
                hint=TRUNCATED_HINT,
            )
        position = start
        for key in map(str, keys):
            ref = self._storage_refs.get(key)
            if ref is None or key in self._locations or ref.dtype is None:
                raise CheckpointError(
                    f"has a storage {key[:40]} that no tensor can use", where=source.where
                )
            order: Literal["little", "big"] = "little" if self.byteorder == "<" else "big"
            count = int.from_bytes(source.view(position, 8), order)
            length = count * item_bytes(ref.dtype)
            source.view(position + 8, length)
            self._locations[key] = (source, position + 8, length)
            position += 8 + length

    def rename(self, storage: StorageRef, key: str) -> None:
        """Give a storage of a nested stream a key that is unique in the file."""
        self._locations = {key: self._locations[storage.key]}
        storage.key = key

    def place(self, storage: StorageRef) -> tuple[ByteSource, int, int]:
        try:
            return self._locations[storage.key]
        except KeyError:
            raise CheckpointError(
                f"lacks the storage {storage.key[:40]}", where=self._path, hint=TRUNCATED_HINT
            ) from None


class NestedBytes:
    """Bytes within other bytes, or in memory."""

    def __init__(self, path: Path, where: str, data: memoryview) -> None:
        self.path, self.where = path, where
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def view(self, offset: int, length: int) -> memoryview:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise make_bounds_error(self.where, self.size, offset, length)
        return self._data[offset : offset + length]


def make_storage_builder(builders: dict[str, GlobalBuilder]) -> GlobalBuilder:
    """How `torch.storage._load_from_bytes(stream)` is read: what `pickle.dump` writes for a storage. A stream has none inside."""

    def build_storage(machine: PickleMachine, _: GlobalName, arguments: tuple[Any, ...]) -> Any:
        raw = arguments[0] if len(arguments) == 1 else None
        if isinstance(raw, LongBytes):
            if not raw.latin1:
                data = raw.source.view(raw.offset, raw.length)
            else:
                data = memoryview(raw.read())
        elif isinstance(raw, bytes):
            data = memoryview(raw)
        else:
            raise MalformedPickle("loads a storage from something else than bytes")
        stream = LegacyStream()
        label = f"{machine.label} (storage at byte {machine.pos})"
        inner_machine = PickleMachine(
            NestedBytes(machine.source.path, machine.source.where, data),
            label,
            builders=builders,
            harmless=machine.harmless,
            load=make_persistent_loader(stream),
        )
        try:
            storage = read_stream(inner_machine, stream)
        except NotAStream as error:
            raise MalformedPickle("loads a storage from another kind of pickle") from error
        machine.hazards = {**inner_machine.hazards, **machine.hazards}
        if isinstance(storage, StorageRef):
            stream.rename(storage, f"{machine.pos}:{storage.key}")
        return storage

    return build_storage
