"""torch's zip files (`.pth`, `.pt`, `.ckpt`, `.bin` since torch 1.6) and TorchScript archives (`.jit`, `.pt` with code).

`data.pkl` is walked opcode by opcode; each storage is a member `data/<key>`, stored as it is. A TorchScript archive has the
same parts and its modules as objects of `__torch__` classes, whose code is not read. Layout: caffe2/serialize/inline_container.h.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from auscult.checkpoint.archive import Archive, Inflated, read_archive
from auscult.checkpoint.contents import Contents, as_tree
from auscult.checkpoint.pickle import machine_for
from auscult.checkpoint.pickle_torch import load_persistent
from auscult.checkpoint.source import Bytes
from auscult.checkpoint.torch_tensors import StorageRef
from auscult.errors import CheckpointError
from auscult.finding import Skip

FORMAT = "torch"
PICKLE = "data.pkl"
MAX_PICKLE_BYTES = 1 << 30
MAX_INFLATED_PICKLE_BYTES = 1 << 26


def sniff(path: Path, head: bytes) -> bool:
    """A zip archive with a `data.pkl`; a damaged one too, so that its own error is shown."""
    if head[:4] != b"PK\x03\x04":
        return False
    try:
        return any(
            name == PICKLE or name.endswith("/" + PICKLE) for name in read_archive(path).members
        )
    except CheckpointError:
        return path.suffix != ".npz"


def read(path: Path) -> Contents:
    """Describe the tensors of the archive.

    Raises:
        CheckpointError: If the archive or its pickle is damaged or hostile.
    """
    archive = read_archive(path)
    name = min((n for n in archive.members if n == PICKLE or n.endswith("/" + PICKLE)), key=len)
    prefix = name[: -len(PICKLE)]
    source = archive.open(name)
    most = MAX_INFLATED_PICKLE_BYTES if isinstance(source, Inflated) else MAX_PICKLE_BYTES
    if source.size > most:
        raise CheckpointError(
            f"{name} is too large",
            where=str(path),
            expected=f"at most {most} bytes",
            found=source.size,
        )
    places = Members(archive, prefix + "data/", _byteorder(archive, prefix))
    machine = machine_for(source, name, load_persistent(places))
    tree = machine.run()
    is_script = any(member.startswith(prefix + "code/") for member in archive.members)
    metadata = _text_members(archive, prefix)
    return Contents(
        tree=as_tree(tree),
        metadata=metadata,
        hazards=tuple(machine.hazards.values()),
        skips=tuple(_constants(archive, prefix)) if is_script else (),
        format="torchscript" if is_script else None,
    )


class Members:
    """The storages of an archive: one member each."""

    def __init__(self, archive: Archive, prefix: str, byteorder: Literal["<", ">"]) -> None:
        self.archive = archive
        self.prefix = prefix
        self.byteorder = byteorder
        self._opened: dict[str, Bytes] = {}

    def met(self, storage: StorageRef) -> None:
        """Nothing to note: the archive's directory says how long a storage is."""

    def place(self, storage: StorageRef) -> tuple[Bytes, int, int]:
        data = self._opened.get(storage.key)
        if data is None:
            data = self._opened[storage.key] = self.archive.open(self.prefix + storage.key)
        return data, 0, data.size


def _byteorder(archive: Archive, prefix: str) -> Literal["<", ">"]:
    if prefix + "byteorder" not in archive.members:
        return "<"
    member = archive.open(prefix + "byteorder")
    written = bytes(member.view(0, min(member.size, 16)))
    if written not in (b"little", b"big"):
        raise CheckpointError(
            "names an unknown byte order",
            where=str(archive.source.path),
            expected="little or big",
            found=written,
        )
    return ">" if written == b"big" else "<"


def _text_members(archive: Archive, prefix: str) -> dict[str, str]:
    """The small text members that torch adds, such as its file version."""
    found = {}
    for name, key in (
        ("version", "torch file version"),
        (".format_version", "torch format version"),
    ):
        if prefix + name in archive.members:
            member = archive.open(prefix + name)
            found[key] = str(member.view(0, min(member.size, 32)), "ascii", "replace").strip()
    return found


def _constants(archive: Archive, prefix: str) -> list[Skip]:
    count = sum(member.startswith(prefix + "constants/") for member in archive.members)
    return (
        [
            Skip(
                prefix + "constants.pkl",
                f"{count} constants of the code: not part of the module's state",
            )
        ]
        if count
        else []
    )
